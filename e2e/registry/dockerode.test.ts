/** What dockerode does with images and registries, against a real engine. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { writeTar } from '../../src/layer/index.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';

let engine: TestEngine;
let registry: TestRegistry;
let docker: Docker;
const alice = { username: 'alice', password: 's3cret' };

before(async () => {
  [engine, registry] = await Promise.all([
    startEngine({ bases: ['busybox'] }),
    startRegistry({ users: { alice: 's3cret' } }),
  ]);
  docker = new Docker({ socketPath: engine.socket });
});
after(async () => {
  await engine?.stop();
  await registry?.close();
});

interface Message {
  readonly id?: string;
  readonly status?: string;
  readonly error?: string;
  readonly aux?: { readonly Digest?: string };
}

interface Distribution {
  readonly Descriptor: { readonly digest: string };
  readonly Platforms: readonly { readonly os: string }[];
}

async function messages(stream: NodeJS.ReadableStream): Promise<Message[]> {
  return await new Promise((resolve, reject) =>
    docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output))),
  );
}

test('an image is pushed and pulled with credentials of its own, and followed in the events', async () => {
  const name = `${registry.host}/rode/app:1`;
  const authconfig = { ...alice, serveraddress: registry.host };
  assert.equal((await docker.checkAuth(authconfig)).Status, 'Login Succeeded');
  await assert.rejects(docker.checkAuth({ ...authconfig, password: 'wrong' }), { statusCode: 401 });

  await docker.getImage('busybox').tag({ repo: `${registry.host}/rode/app`, tag: '1' });
  const { Id } = await docker.getImage('busybox').inspect();
  const since = Math.floor(Date.now() / 1000);
  const pushed = await messages(await docker.getImage(name).push({ authconfig }));
  assert.ok(pushed.some(({ id, status }) => id && status === 'Pushed'));
  const digest = pushed.find(({ aux }) => aux?.Digest)?.aux?.Digest;
  assert.match(digest ?? '', /^sha256:/);
  const refused = await messages(await docker.getImage(name).push({}));
  assert.match(refused.at(-1)?.error ?? '', /no basic auth credentials/);

  const asked = (await docker.getImage(name).distribution({ authconfig } as never)) as unknown as Distribution;
  assert.equal(asked.Descriptor.digest, digest);
  assert.equal(asked.Platforms[0]?.os, 'linux');

  await docker.getImage(name).remove();
  const pulled = await messages(await docker.pull(name, { authconfig }));
  assert.equal(pulled.at(-1)?.status, `Status: Downloaded newer image for ${name}`);
  assert.equal((await docker.getImage(name).inspect()).Id, Id);
  await assert.rejects(docker.pull(`${registry.host}/rode/none:1`, { authconfig }), { statusCode: 404 });

  const until = Math.ceil(Date.now() / 1000);
  const events = await docker.getEvents({ since, until, filters: { type: ['image'] } });
  let text = '';
  for await (const chunk of events) text += String(chunk);
  const actions = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).Action as string);
  for (const action of ['push', 'untag', 'pull']) assert.ok(actions.includes(action), actions.join(' '));
});

test('a root file system is imported, a container committed, images listed, measured and pruned', async () => {
  const source = new PassThrough();
  const archive = writeTar([{ header: { path: 'made', type: 'file' }, body: Buffer.from('made') }]);
  void (async () => {
    for await (const chunk of archive) source.write(chunk);
    source.end();
  })();
  await messages(await docker.importImage(source, { repo: 'rode-imported', tag: '1' }));
  const container = await docker.createContainer({ Image: 'busybox', Cmd: ['true'] });
  await container.commit({ repo: 'rode-committed', tag: '1', comment: 'by rode', changes: 'ENV A=1' });
  await container.remove();
  const committed = await docker.getImage('rode-committed:1').inspect();
  assert.deepEqual([committed.Comment, committed.Config.Env?.includes('A=1')], ['by rode', true]);
  const rows = await docker.listImages({ filters: { reference: ['rode-*'] } });
  assert.deepEqual(rows.flatMap(({ RepoTags }) => RepoTags).sort(), ['rode-committed:1', 'rode-imported:1']);
  const usage = await docker.df();
  assert.ok(usage.Images.some(({ RepoTags }: { RepoTags: string[] }) => RepoTags.includes('rode-imported:1')));
  await docker.getImage('rode-imported:1').remove();
  const pruned = await docker.pruneImages({ filters: { dangling: { false: true } } });
  assert.ok(pruned.ImagesDeleted?.some((row) => row.Untagged === 'rode-committed:1'));
  await docker.pruneBuilder();
});
