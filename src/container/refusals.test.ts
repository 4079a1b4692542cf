import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startTestHost, type TestHost } from './testing/host.ts';
import type { ContainerConfig, HostConfig } from './types.ts';

let host: TestHost;
before(async () => {
  host = await startTestHost();
});
after(async () => await host.stop());

const long = 'x'.repeat(300);
const unstarted =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ';

/** The error of what could be made and could not be started; nothing of it is left. */
async function startError(hostConfig: HostConfig, config: ContainerConfig = {}): Promise<{ message: string }> {
  const id = await host.create(['true'], { host: hostConfig, config });
  const error = await host.containers.start(id).then(
    () => ({ message: 'started' }),
    (thrown: { message: string; cause?: unknown; kind?: string }) => thrown,
  );
  await host.containers.remove(id, { volumes: true, force: true });
  return error;
}

test('a name that is too long for a file system is refused when the container is made', async () => {
  for (const [given, name] of [
    [{ config: { WorkingDir: `/${long}` } }, long],
    [{ config: { Volumes: { [`/a/${long}`]: {} } } }, `a/${long}`],
    [{ host: { Binds: [`kept:/${long}`] } }, long],
  ] as const)
    await assert.rejects(host.create(['true'], given), {
      kind: 'invalid_argument',
      message: new RegExp(`^lstat /.*/${name}: file name too long$`),
    });
  await host.parts.volumes.remove('kept', { inUse: new Set(), force: true });
  assert.deepEqual(host.parts.volumes.list(), [], 'a container that was not made leaves no volumes');
});

test('a mount that has no place in the root is refused when the container starts, in the runtime’s words', async () => {
  const source = mkdtempSync(join(host.top, 'bind-'));
  const rows: [HostConfig, string][] = [
    [
      { Binds: [`${source}:/${long}`] },
      `error mounting "${source}" to rootfs at "/${long}": create mountpoint for /${long} mount: lookup mountpoint target: /${long}: file name too long`,
    ],
    [
      { Tmpfs: { '/etc/passwd/x': '' } },
      'error mounting "tmpfs" to rootfs at "/etc/passwd/x": create mountpoint for /etc/passwd/x mount: lookup mountpoint target: /etc/passwd/x: not a directory',
    ],
    [
      { Tmpfs: { '/proc': '' } },
      'error mounting "tmpfs" to rootfs at "/proc": create mountpoint for /proc mount: check proc-safety of /proc mount: "/proc" cannot be mounted because it is not of type proc',
    ],
    [
      { Binds: [`${source}:/proc/sys`] },
      `error mounting "${source}" to rootfs at "/proc/sys": create mountpoint for /proc/sys mount: check proc-safety of /proc/sys mount: "/proc/sys" cannot be mounted because it is inside /proc`,
    ],
  ];
  for (const [given, words] of rows) {
    const error = await startError(given);
    assert.equal(error.message, unstarted + words);
    assert.equal((error as { kind?: string }).kind, 'invalid_argument');
  }
  assert.equal((await startError({ Binds: ['/proc:/proc'] })).message, 'started');
  const { message } = await startError({}, { Volumes: { '/': {} } });
  assert.match(message, /to rootfs at "\/": create mountpoint for \/ mount: mountpoint .* is on the top of rootfs/);
});

test('the folder of a -v is made when the container starts, and what cannot be made is told', async () => {
  const base = mkdtempSync(join(host.top, 'bind-'));
  const id = await host.create(['true'], { host: { Binds: [`${base}/a/b:/m`] } });
  assert.equal(existsSync(join(base, 'a')), false);
  await host.containers.start(id);
  assert.equal(existsSync(join(base, 'a/b')), true);
  await host.containers.remove(id, { force: true });
  for (const [source, why] of [
    ['/proc/nope/x', 'mkdir /proc/nope: no such file or directory'],
    ['/etc/passwd/x', 'mkdir /etc/passwd/x: not a directory'],
    [`/tmp/${long}`, `mkdir /tmp/${long}: file name too long`],
  ])
    assert.equal(
      (await startError({ Binds: [`${source}:/m`] })).message,
      `error while creating mount source path '${source}': ${why}`,
    );
});

test('one place in a container is for one mount', async () => {
  const twice = { kind: 'invalid_argument', message: 'Duplicate mount point: /x' };
  await assert.rejects(host.create(['true'], { host: { Binds: ['/tmp:/x', '/etc:/x/'] } }), twice);
  await assert.rejects(host.create(['true'], { host: { Binds: ['/tmp:/x'], Tmpfs: { '/x': '' } } }), twice);
  await assert.rejects(
    host.create(['true'], { host: { Binds: ['/tmp:/x'], Mounts: [{ Type: 'tmpfs', Target: '/x' }] } }),
    twice,
  );
});

test('another container that is not there is the request’s fault: clients take not_found for the image', async () => {
  const rows: [HostConfig, string][] = [
    [{ VolumesFrom: ['nope'] }, 'No such container: nope'],
    [{ VolumesFrom: [':ro'] }, 'invalid name or ID supplied: ""'],
    [{ IpcMode: 'container:nope' }, 'No such container: nope'],
    [{ PidMode: 'container:nope' }, 'No such container: nope'],
    [{ Links: ['nope'] }, 'could not get container for nope: No such container: nope'],
    [{ Links: [''] }, 'empty string specified for links'],
    [{ Links: ['a:b:c'] }, 'bad format for links: a:b:c'],
    [{ Links: [':'] }, 'could not get container for : invalid name or ID supplied: ""'],
  ];
  for (const [given, message] of rows)
    await assert.rejects(host.create(['true'], { host: given }), { kind: 'invalid_argument', message });
});

test('a request that is wrong is told so whatever its image is', async () => {
  let asked = 0;
  const image = async () => {
    asked++;
    return null;
  };
  await assert.rejects(host.containers.create({ config: { WorkingDir: 'foo' }, host: {}, image }), {
    message: "the working directory 'foo' is invalid, it needs to be an absolute path",
  });
  assert.equal(asked, 0);
});

test('a volume has a name of two letters or more, and options of Docker’s driver', async () => {
  const mount = (more: object): HostConfig => ({ Mounts: [{ Type: 'volume', Target: '/x', ...more }] });
  const options = (Options: Record<string, string>) => ({ VolumeOptions: { DriverConfig: { Options } } });
  for (const [given, message] of [
    [
      mount({ Source: 'a' }),
      'create a: volume name is too short, names should be at least two alphanumeric characters',
    ],
    [mount(options({ a: 'b' })), /^create [0-9a-f]{64}: invalid option: "a"$/],
    [mount(options({ type: 'nfs' })), /^create [0-9a-f]{64}: missing required option: "device"$/],
    [
      mount({ VolumeOptions: { DriverConfig: { Name: 'foo' } } }),
      /^create [0-9a-f]{64}: error looking up volume plugin foo: plugin "foo" not found$/,
    ],
    [mount({ Source: long }), /^create x+: error while creating volume root path '.*': mkdir .*: file name too long$/],
  ] as const)
    await assert.rejects(host.create(['true'], { host: given }), { message });
  assert.deepEqual(host.parts.volumes.list(), []);
});

test('a stop signal that the kernel does not have stops nothing: the process is killed soon', async () => {
  const id = await host.create(['sleep', '300'], { config: { StopSignal: '99' } });
  await host.containers.start(id);
  const begun = Date.now();
  await host.containers.stop(id, { timeoutSeconds: 60 });
  assert.ok(Date.now() - begun < 30_000);
  assert.equal(host.containers.get(id).state.exitCode, 137);
  await host.containers.remove(id);
});

test('a tmpfs is read-only where its options say so', async () => {
  const { id, out } = await host.run(['sh', '-c', '(echo x > /t/a) 2>/dev/null || echo ro; echo x > /u/a && echo rw'], {
    host: { Tmpfs: { '/t': 'ro', '/u': '' } },
  });
  assert.equal(out, 'ro\nrw\n');
  await host.containers.remove(id);
});

test('an update changes what it names, and is refused where the container has limits that it does not go with', async () => {
  const { containers } = host;
  const id = await host.create(['true'], { host: { Memory: 2 ** 26, NanoCpus: 1e9 } });
  const before = containers.get(id).host;
  // The docker client sends every field.
  const nothing = { Memory: 0, MemorySwap: 0, NanoCpus: 0, CpusetCpus: '', RestartPolicy: { Name: '' } };
  await containers.update(id, { ...nothing, CpuShares: 512 });
  assert.deepEqual(containers.get(id).host, { ...before, CpuShares: 512 });
  const refused = (words: string) => ({ kind: 'conflict', message: `Cannot update container ${id}: ${words}` });
  const smaller =
    'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time';
  await assert.rejects(containers.update(id, { ...nothing, Memory: 2 ** 30 }), refused(smaller));
  await assert.rejects(
    containers.update(id, { CpuPeriod: 10_000 }),
    refused('Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set'),
  );
  await containers.remove(id);
  const passing = await host.create(['true'], { host: { AutoRemove: true } });
  await assert.rejects(containers.update(passing, { RestartPolicy: { Name: 'always' } }), {
    message: `Cannot update container ${passing}: Restart policy cannot be updated because AutoRemove is enabled for the container`,
  });
  await containers.remove(passing);
});

test('a kill and a rename are refused in Docker’s words', async () => {
  const { containers } = host;
  const id = await host.create(['true'], { name: 'first' });
  const other = await host.create(['true'], { name: 'second' });
  const start = 'Error when allocating new name: ';
  for (const [work, message] of [
    [containers.kill('nope'), 'cannot kill container: nope: No such container: nope'],
    [containers.kill('first', 'foo'), 'cannot kill container: first: invalid signal: foo'],
    [containers.kill('first', '99'), 'cannot kill container: first: the linux daemon does not support signal 99'],
    [
      containers.rename('first', 'a b'),
      `${start}Invalid container name (/a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    ],
    [containers.rename('first', '/'), `${start}Invalid container name (/), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`],
    [
      containers.rename('first', 'second'),
      `${start}Conflict. The container name "/second" is already in use by container "${other}". You have to remove (or rename) that container to be able to reuse that name.`,
    ],
  ] as const)
    await assert.rejects(work, { message });
  for (const one of [id, other]) await containers.remove(one);
});

test('a refused container leaves nothing in the store', () => {
  assert.deepEqual(host.containers.list(), []);
  assert.deepEqual(readdirSync(join(host.top, 'data', 'containers')), []);
});
