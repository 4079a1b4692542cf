import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makePrivate, mount, unmount } from '../../sys/index.ts';
import { startTestHost, type TestHost } from '../testing/host.ts';
import type { ContainerConfig, HostConfig, MountSpec } from '../types.ts';

let host: TestHost;
before(async () => {
  host = await startTestHost();
});
after(async () => await host.stop());

async function run(command: string, hostConfig: HostConfig, config: ContainerConfig = {}): Promise<string> {
  const { id, out } = await host.run(['sh', '-c', command], { host: hostConfig, config });
  await host.containers.remove(id, { volumes: true });
  return out;
}

const folder = () => mkdtempSync(join(host.top, 'bind-'));

test('a folder of the host is mounted, writable or not', async () => {
  const source = folder();
  writeFileSync(join(source, 'a'), 'text');
  assert.equal(await run('cat /m/a; echo x > /m/b', { Binds: [`${source}:/m`] }), 'text');
  assert.equal(readFileSync(join(source, 'b'), 'utf8'), 'x\n');
  assert.equal(await run('(echo y > /m/b) 2>/dev/null || echo ro', { Binds: [`${source}:/m:ro`] }), 'ro\n');
  const mount = { Type: 'bind' as const, Source: source, Target: '/m', ReadOnly: true };
  assert.equal(await run('(echo y > /m/b) 2>/dev/null || echo ro', { Mounts: [mount] }), 'ro\n');
});

test('what is mounted below a mount is there or not, and writable or not, as asked', async () => {
  const source = folder();
  mkdirSync(join(source, 'below'));
  mount('tmpfs', join(source, 'below'), 'tmpfs', []);
  writeFileSync(join(source, 'below/file'), 'there');
  try {
    const look = 'cat /m/below/file; touch /m/below/new 2>/dev/null && echo rw || echo ro';
    const bind = (ReadOnly: boolean, BindOptions: NonNullable<MountSpec['BindOptions']>) =>
      ({ Mounts: [{ Type: 'bind', Source: source, Target: '/m', ReadOnly, BindOptions }] }) as HostConfig;
    const rows: readonly (readonly [HostConfig, RegExp])[] = [
      [{ Binds: [`${source}:/m`] }, /^thererw$/m],
      [{ Binds: [`${source}:/m:ro`] }, /^therero$/m],
      [bind(true, {}), /^therero$/m],
      [bind(true, { ReadOnlyForceRecursive: true }), /^therero$/m],
      [bind(true, { ReadOnlyNonRecursive: true }), /^thererw$/m],
      [bind(false, { NonRecursive: true }), /No such file.*\nrw/],
      [bind(true, { NonRecursive: true }), /No such file.*\nro/],
    ];
    for (const [asked, expected] of rows) assert.match(await run(look, asked), expected, JSON.stringify(asked));
    makePrivate(join(source, 'below'));
    for (const mode of ['rshared', 'rslave'])
      await assert.rejects(run('true', { Binds: [`${source}/below:/m:${mode}`] }), {
        message: `path ${source}/below is mounted on ${source}/below but it is not a shared ${mode === 'rslave' ? 'or slave ' : ''}mount`,
      });
  } finally {
    unmount(join(source, 'below'), { detach: true });
  }
});

test('what is mounted later comes in and goes out as the propagation says', async () => {
  const source = folder();
  mount('tmpfs', source, 'tmpfs', []);
  try {
    mount('none', source, null, ['shared']);
    for (const name of ['in', 'out']) mkdirSync(join(source, name));
    const bind = (Propagation: string) =>
      ({ Mounts: [{ Type: 'bind', Source: source, Target: '/m', BindOptions: { Propagation } }] }) as HostConfig;
    const rows: readonly (readonly [HostConfig, { comes: boolean; goes: boolean; tag: RegExp }])[] = [
      [{ Binds: [`${source}:/m`] }, { comes: false, goes: false, tag: /relatime - / }],
      [{ Binds: [`${source}:/m:rslave`] }, { comes: true, goes: false, tag: / master:\d+ - / }],
      [bind('shared'), { comes: true, goes: true, tag: / shared:\d+ - / }],
      [{ Tmpfs: { '/m': 'rshared' } }, { comes: false, goes: false, tag: / shared:\d+ - / }],
    ];
    for (const [asked, { comes, goes, tag }] of rows) {
      const about = JSON.stringify(asked);
      const id = await host.create(['sleep', '60'], { host: { ...asked, Privileged: true } });
      await host.containers.start(id);
      const table = async () => await execText(id, 'grep " /m" /proc/self/mountinfo; true');
      assert.match((await table()).split('\n')[0]!, tag, about);
      mount('tmpfs', join(source, 'in'), 'tmpfs', []);
      assert.equal((await table()).includes(' /m/in '), comes, about);
      unmount(join(source, 'in'));
      await execText(id, 'mkdir -p /m/out && mount -t tmpfs out /m/out');
      const outside = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${source}/out `);
      assert.equal(outside(), goes, about);
      await execText(id, 'umount /m/out');
      assert.equal(outside(), false, about);
      await host.containers.remove(id, { force: true });
    }
  } finally {
    unmount(source, { detach: true });
  }
});

async function execText(id: string, command: string): Promise<string> {
  const exec = await host.containers.exec.create(id, { Cmd: ['sh', '-c', command], Privileged: true });
  let out = '';
  for await (const { data } of (await host.containers.exec.start(exec.id, { detach: false, tty: false }))!.output)
    out += Buffer.from(data).toString();
  return out;
}

test('one file can be mounted, also where the image has none', async () => {
  const source = folder();
  writeFileSync(join(source, 'file'), 'mine\n');
  assert.equal(
    await run('cat /etc/passwd /new/file', { Binds: [`${source}/file:/etc/passwd`, `${source}/file:/new/file`] }),
    'mine\nmine\n',
  );
});

test('-v makes a missing folder, --mount does not', async () => {
  const base = folder();
  await run('true', { Binds: [`${base}/made/here:/m`] });
  assert.ok(statSync(join(base, 'made/here')).isDirectory());
  await assert.rejects(run('true', { Mounts: [{ Type: 'bind', Source: `${base}/not`, Target: '/m' }] }), {
    message: `invalid mount config for type "bind": bind source path does not exist: ${base}/not`,
  });
  assert.ok(!existsSync(join(base, 'not')));
});

test('mounts below mounts, in any order', async () => {
  const [outer, inner] = [folder(), folder()];
  mkdirSync(join(outer, 'in'));
  writeFileSync(join(inner, 'deep'), 'deep');
  assert.equal(await run('cat /m/in/deep', { Binds: [`${inner}:/m/in`, `${outer}:/m`] }), 'deep');
});

test('a named volume takes what the image has there, once', async () => {
  const out = await run('cat /etc/passwd | head -1; echo gone > /etc/passwd; stat -c %a /etc', { Binds: ['etc:/etc'] });
  assert.equal(out, 'root:x:0:0:root:/root:/bin/sh\n755\n');
  assert.equal(await run('cat /m/passwd', { Binds: ['etc:/m'] }), 'gone\n');
  assert.equal(await run('ls /m', { Mounts: [{ Type: 'volume', Source: 'empty', Target: '/m' }] }), '');
  assert.equal(
    await run('ls /bin2', {
      Mounts: [{ Type: 'volume', Source: 'no', Target: '/bin', VolumeOptions: { NoCopy: true } }],
    }).catch(() => 'no shell'),
    'no shell',
  );
  for (const name of ['etc', 'empty', 'no']) await host.parts.volumes.remove(name, { inUse: new Set(), force: false });
});

test('a volume keeps owner, mode and links of what it took', async () => {
  const image = await host.run(['sh', '-c', 'true']);
  await host.containers.remove(image.id);
  await run('mkdir -p /data/d; chown 5:6 /data/d; chmod 2750 /data/d; ln -s x /data/l; chown 7:8 /data', {
    Binds: ['src:/data'],
  });
  const { mountpoint } = host.parts.volumes.get('src');
  const stat = statSync(join(mountpoint, 'd'));
  assert.deepEqual([stat.uid, stat.gid, stat.mode & 0o7777], [5, 6, 0o2750]);
  await host.parts.volumes.remove('src', { inUse: new Set(), force: false });
});

test('anonymous volumes of the image go with the container, if asked to', async () => {
  const { volumes } = host.parts;
  const id = await host.create(['sh', '-c', 'echo x > /data/f'], {
    image: { Env: ['PATH=/bin'], Volumes: { '/data': {} } },
  });
  await host.containers.start(id);
  await host.containers.wait(id);
  const [point] = host.containers.get(id).mounts;
  assert.equal(point?.Type, 'volume');
  assert.ok(volumes.get(point.Name!).anonymous);
  const other = await host.run(['cat', '/data/f'], { host: { VolumesFrom: [id] } });
  assert.equal(other.out, 'x\n');
  const readOnly = await host.run(['sh', '-c', '(echo y > /data/f) 2>/dev/null || echo ro'], {
    host: { VolumesFrom: [`${id}:ro`] },
  });
  assert.match(readOnly.out, /ro\n$/);
  await host.containers.remove(id, { volumes: true });
  assert.equal(volumes.list().length, 1, 'still used by the others');
  await host.containers.remove(other.id, { volumes: true });
  assert.equal(volumes.list().length, 1, 'still used by the last');
  await host.containers.remove(readOnly.id, { volumes: true });
  assert.equal(volumes.list().length, 0);
});

test('tmpfs has a size and the usual guards', async () => {
  const out = await run('df -k /t | tail -1; mount | grep " /t "; df -k /u | tail -1', {
    Tmpfs: { '/t': 'size=2m' },
    Mounts: [{ Type: 'tmpfs', Target: '/u', TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o700 } }],
  });
  assert.match(out, /\s2048\s/);
  assert.match(out, /nosuid,nodev,noexec/);
  assert.match(out, /\s1024\s/);
});

test('what is mounted over the engine’s own files wins', async () => {
  const source = folder();
  writeFileSync(join(source, 'hosts'), '1.2.3.4 mine\n');
  assert.equal(await run('cat /etc/hosts', { Binds: [`${source}/hosts:/etc/hosts`] }), '1.2.3.4 mine\n');
});

test('specifications that make no sense are refused', async () => {
  for (const Binds of [['a:b:c:d'], ['/x:relative'], ['/x:/'], ['/x:/y:nonsense'], ['../up:/m'], ['']])
    await assert.rejects(run('true', { Binds }), { kind: 'invalid_argument' }, JSON.stringify(Binds));
});

test('a stopped container shows its volumes to whoever looks into it', async () => {
  const source = folder();
  writeFileSync(join(source, 'file'), 'in the volume');
  const id = await host.create(['true'], { host: { Binds: [`${source}:/m`] } });
  const before = await host.containers.changes(id);
  assert.deepEqual(before, []);
  await host.containers.start(id);
  await host.containers.wait(id);
  await host.containers.withRoot(id, async (root) => {
    assert.equal(readFileSync(join(root, 'm/file'), 'utf8'), 'in the volume');
    writeFileSync(join(root, 'm/made'), '');
    writeFileSync(join(root, 'own'), '');
  });
  assert.deepEqual(readdirSync(source).sort(), ['file', 'made']);
  assert.deepEqual(await host.containers.changes(id), [
    { path: '/m', kind: 'A' },
    { path: '/own', kind: 'A' },
  ]);
  await host.containers.remove(id);
});

test('a link to the outside in the image is not followed when a volume is filled', async () => {
  const outside = folder();
  writeFileSync(join(outside, 'secret'), 'x');
  const id = await host.create(['true']);
  await host.containers.withRoot(id, async (root) => symlinkSync(outside, join(root, 'link')));
  await host.containers.withRoot(id, async (root) => {
    await host.parts.volumes.create({ name: 'vv' });
    await host.parts.volumes.populate('vv', root, '/link');
  });
  assert.deepEqual(readdirSync(host.parts.volumes.get('vv').mountpoint), []);
  await host.containers.remove(id);
  await host.parts.volumes.remove('vv', { inUse: new Set(), force: false });
});

test('a running container shows what its process sees', async () => {
  const id = await host.create(['sh', '-c', 'echo x > /dev/shm/here; sleep 60'], { host: { Tmpfs: { '/t': '' } } });
  await host.containers.start(id);
  const { pid } = host.containers.get(id).state;
  while (!existsSync(`/proc/${pid}/root/dev/shm/here`)) await sleep(10);
  await host.containers.withRoot(id, async (root) => {
    assert.equal(readFileSync(join(root, 'dev/shm/here'), 'utf8'), 'x\n');
    writeFileSync(join(root, 't/from-outside'), '');
  });
  await host.containers.remove(id, { force: true });
});

test('one file can be mounted read-only', async () => {
  const source = folder();
  writeFileSync(join(source, 'file'), 'mine\n');
  assert.equal(
    await run('cat /q; echo x 2>/dev/null > /q || echo refused', { Binds: [`${source}/file:/q:ro`] }),
    'mine\nrefused\n',
  );
});
