import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createApi } from './api.ts';
import { createTestBackend } from './testing/backend.ts';

const group = 54321;
const top = mkdtempSync(join(tmpdir(), 'strata-group-'));
const api = createApi(createTestBackend());
before(() => chmodSync(top, 0o755));
after(async () => {
  await api.close();
  rmSync(top, { recursive: true, force: true });
});

/** What an ordinary user, in the group or not, gets from a command. */
function asUser(groups: readonly number[], command: string): { code: number | null; text: string } {
  const id = '--reuid=65533 --regid=65533'.split(' ');
  const held = groups.length === 0 ? '--clear-groups' : `--groups=${groups.join()}`;
  const { status, stdout, stderr } = spawnSync('setpriv', [...id, held, 'sh', '-c', command], { encoding: 'utf8' });
  return { code: status, text: stdout + stderr };
}

/** What the engine answers such a user, or why he does not reach it. */
async function ping(groups: readonly number[], socket: string): Promise<string> {
  const held = groups.length === 0 ? '--clear-groups' : `--groups=${groups.join()}`;
  const child = spawn('setpriv', ['--reuid=65533', '--regid=65533', held, 'perl', '-MIO::Socket::UNIX', '-e', asker], {
    env: { ...process.env, SOCKET: socket },
  });
  let text = '';
  child.stdout.on('data', (data) => {
    text += data;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}
/** Perl, since the program of Node need not be readable to others. */
const asker =
  'my $s = IO::Socket::UNIX->new(Peer => $ENV{SOCKET}) or do { print "$!"; exit }; print $s "GET /_ping HTTP/1.0\\r\\n\\r\\n"; print while <$s>;';

for (const [title, folderOf] of [
  ['the default place', (state: string) => state],
  ['another place', () => join(top, 'elsewhere')],
] as const)
  test(`a member of the group reaches the socket at ${title}, and nothing more`, async () => {
    const state = join(top, `state of ${title}`);
    mkdirSync(state, { mode: 0o700 });
    mkdirSync(join(state, 'containers'), { mode: 0o700 });
    writeFileSync(join(state, 'daemon.log'), 'secret', { mode: 0o600 });
    const folder = folderOf(state);
    mkdirSync(folder, { recursive: true });
    const socketPath = join(folder, 'strata.sock');
    const warnings: string[] = [];
    const warn = (line: string) => warnings.push(line);
    await api.listen({ socketPath, mode: 0o660, group: String(group), ownFolder: state, warn });
    assert.match(await ping([group], socketPath), /200 OK/);
    assert.equal(await ping([], socketPath), 'Permission denied');
    assert.equal(await ping([group + 1], socketPath), 'Permission denied');
    assert.deepEqual(warnings, []);
    for (const groups of [[group], []])
      for (const command of [
        `ls '${state}'`,
        `cat '${state}/daemon.log'`,
        `ls '${state}/containers'`,
        `touch '${state}/x'`,
        `rm -f '${socketPath}'`,
      ])
        assert.match(asUser(groups, command).text, /Permission denied/, command);
    assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  });

test('a folder of others on the way stays as it is, and the group is told of it', async () => {
  const folder = join(top, 'private');
  mkdirSync(folder, { mode: 0o700 });
  const warnings: string[] = [];
  await api.listen({
    socketPath: join(folder, 'strata.sock'),
    mode: 0o660,
    group: String(group),
    ownFolder: join(top, 'state'),
    warn: (line) => warnings.push(line),
  });
  assert.deepEqual(warnings, [
    `members of group ${group} cannot reach ${folder}/strata.sock: ${folder} is closed to them; open it with chmod o+x ${folder}, or choose another place with --socket`,
  ]);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
});

test('without a group the socket is root alone’s', async () => {
  const socketPath = join(top, 'own.sock');
  await api.listen({ socketPath, mode: 0o600 });
  assert.equal(await ping([group], socketPath), 'Permission denied');
});
