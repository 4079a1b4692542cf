import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { cgroupFolders } from './stats.ts';
import { startTestHost, type TestHost } from './testing/host.ts';
import type { HostConfig } from './types.ts';

let host: TestHost;
before(async () => {
  host = await startTestHost();
});
after(async () => await host.stop());

async function run(command: string, more: Parameters<TestHost['run']>[1] = {}): Promise<string> {
  const { id, out } = await host.run(['sh', '-c', command], more);
  await host.containers.remove(id, { volumes: true });
  return out;
}

/** The bits of `CapEff` as the capabilities' numbers. */
async function capabilities(config: HostConfig): Promise<bigint> {
  const text = await run('grep CapEff /proc/self/status', { host: config });
  return BigInt(`0x${text.split(/\s+/)[1]}`);
}

const defaults = 0xa80425fbn;
const netAdmin = 1n << 12n;
const chown = 1n;

test('capabilities: the usual fourteen, more and fewer as asked', async () => {
  assert.equal(await capabilities({}), defaults);
  assert.equal(await capabilities({ CapAdd: ['NET_ADMIN'] }), defaults | netAdmin);
  assert.equal(await capabilities({ CapDrop: ['cap_chown'] }), defaults & ~chown);
  assert.equal(await capabilities({ CapDrop: ['ALL'], CapAdd: ['CHOWN'] }), chown);
  await assert.rejects(run('true', { host: { CapAdd: ['NOPE'] } }), { kind: 'invalid_argument' });
});

test('a user other than root holds no capability', async () => {
  assert.match(
    await run('grep CapEff /proc/self/status; id -u', { config: { User: 'ann' } }),
    /0000000000000000\n1000/,
  );
});

test('users are looked up in the image, unknown ones refused', async () => {
  assert.equal(await run('id', { config: { User: 'ann:staff' } }), 'uid=1000(ann) gid=50(staff) groups=50(staff)\n');
  assert.equal(await run('id -u; id -g; echo $HOME', { config: { User: '4321:99' } }), '4321\n99\n/\n');
  assert.match(await run('id -G', { host: { GroupAdd: ['wheel', '77'] } }), /^0 10 77\n$/);
  await assert.rejects(run('true', { config: { User: 'zed' } }), {
    message: 'unable to find user zed: no matching entries in passwd file',
  });
});

test('seccomp is on but for unconfined and privileged ones, a profile of one’s own holds', async () => {
  const mode = 'grep Seccomp: /proc/self/status | cut -f2';
  assert.equal(await run(mode), '2\n');
  assert.equal(await run(mode, { host: { SecurityOpt: ['seccomp=unconfined'] } }), '0\n');
  assert.equal(await run(mode, { host: { Privileged: true } }), '0\n');
  const profile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
  };
  const own = { SecurityOpt: [`seccomp=${JSON.stringify(profile)}`] };
  assert.match(await run('mkdir /x 2>&1', { host: own }), /not supported/);
  await assert.rejects(run('true', { host: { SecurityOpt: ['seccomp={'] } }), { kind: 'invalid_argument' });
  await assert.rejects(run('true', { host: { SecurityOpt: ['nonsense'] } }), { kind: 'invalid_argument' });
});

test('what is asked for by name holds for a privileged container, too', async () => {
  const profile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
  };
  const all = await capabilities({ Privileged: true });
  const rows: readonly (readonly [HostConfig, string, RegExp])[] = [
    [
      { SecurityOpt: [`seccomp=${JSON.stringify(profile)}`] },
      'grep Seccomp: /proc/self/status; mkdir /x 2>&1',
      /2\n.*not permitted/,
    ],
    [{ SecurityOpt: ['seccomp=builtin'] }, 'grep Seccomp: /proc/self/status', /\t2$/m],
    [{ SecurityOpt: ['seccomp=unconfined'] }, 'grep Seccomp: /proc/self/status', /\t0$/m],
    [{ SecurityOpt: ['no-new-privileges'] }, 'grep NoNewPrivs /proc/self/status', /1/],
    [{ SecurityOpt: ['writable-cgroups=false'] }, cgroupMounts, /^ro$/m],
    [{ MaskedPaths: ['/proc/meminfo'] }, 'wc -c </proc/meminfo', /^0$/m],
    [
      { ReadonlyPaths: ['/proc/sys'] },
      'touch /proc/sys/kernel/panic 2>&1; echo 9 >/proc/sys/kernel/panic',
      /Read-only/,
    ],
    [{ CapDrop: ['ALL'] }, 'grep CapEff /proc/self/status', new RegExp(`${all.toString(16)}$`, 'm')],
    [{ CapDrop: ['CHOWN'] }, 'grep CapEff /proc/self/status', new RegExp(`${all.toString(16)}$`, 'm')],
    [{ Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/other' }] }, 'ls -l /dev/other', /^c.* 1, +3 /],
  ];
  for (const [asked, command, expected] of rows)
    assert.match(await run(command, { host: { Privileged: true, ...asked } }), expected, JSON.stringify(asked));
});

/** Whether the container's own cgroups may be written, once. */
const cgroupMounts = "grep ' /sys/fs/cgroup[^ ]* cgroup' /proc/mounts | cut -d' ' -f4 | cut -d, -f1 | sort -u";

test('options that lift or set confinement of a usual container', async () => {
  const masks = "grep -cE ' /(proc|sys)/(acpi|keys|timer_list|firmware|bus|fs|irq|sys) ' /proc/mounts";
  const rows: readonly (readonly [HostConfig, string, RegExp])[] = [
    [{}, masks, /^[4-9]$/m],
    [{ MaskedPaths: [], ReadonlyPaths: [] }, masks, /^0$/m],
    [{ MaskedPaths: [] }, masks, /^4$/m],
    [{ MaskedPaths: ['/proc/meminfo'] }, 'wc -c </proc/meminfo; wc -c </proc/keys', /^0\n[1-9]/],
    [{ ReadonlyPaths: [] }, 'echo 7 >/proc/sys/net/ipv4/ip_default_ttl; cat /proc/sys/net/ipv4/ip_default_ttl', /^7$/m],
    [{}, cgroupMounts, /^ro$/m],
    [{ SecurityOpt: ['writable-cgroups=true'] }, cgroupMounts, /^rw$/m],
    [{ SecurityOpt: ['writable-cgroups=false'] }, cgroupMounts, /^ro$/m],
    [{ CgroupnsMode: 'private' }, 'grep -v ":/$" /proc/self/cgroup | wc -l', /^0$/m],
    [{ CgroupnsMode: 'host' }, 'grep strata/ /proc/self/cgroup | wc -l', /^[1-9]/m],
    [{ IpcMode: 'none' }, 'ls -d /dev/shm 2>&1', /No such file/],
    [{ IpcMode: 'shareable' }, 'grep -c /dev/shm /proc/mounts', /^1$/m],
  ];
  for (const [asked, command, expected] of rows)
    assert.match(await run(command, { host: asked }), expected, JSON.stringify(asked));
  await assert.rejects(run('true', { host: { SecurityOpt: ['systempaths=unconfined'] } }), {
    message: 'invalid --security-opt 2: "systempaths=unconfined"',
  });
  await assert.rejects(run('true', { host: { UTSMode: 'host' }, config: { Domainname: 'x' } }), {
    message: /sysctl "kernel.domainname" is not in a separate kernel namespace$/,
  });
});

test('memory is shared with who offers it, and with nobody else', async () => {
  const keep = 'echo hello >/dev/shm/word; sleep 60';
  const open = await host.create(['sh', '-c', keep], { name: 'open', host: { IpcMode: 'shareable' } });
  const shut = await host.create(['sh', '-c', keep], { name: 'shut' });
  for (const id of [open, shut]) await host.containers.start(id);
  assert.equal(await run('cat /dev/shm/word', { host: { IpcMode: 'container:open' } }), 'hello\n');
  await assert.rejects(run('true', { host: { IpcMode: 'container:shut' } }), {
    message: `failed to join IPC namespace: container ${shut}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  });
  for (const id of [open, shut]) await host.containers.remove(id, { force: true });
});

test('an option that this host or a privileged container cannot honour is warned of', async () => {
  const warned = async (config: HostConfig) => {
    const { container, warnings } = await host.parts.containers.create({
      config: { Image: 'busybox', Cmd: ['true'] },
      host: config,
      image: async () => null,
    });
    await host.containers.remove(container.id);
    return warnings;
  };
  assert.deepEqual(await warned({ SecurityOpt: ['apparmor=mine'] }), ['security option apparmor has no effect']);
  assert.deepEqual(await warned({ SecurityOpt: ['label=type:mine'] }), ['security option label has no effect']);
  assert.deepEqual(await warned({ SecurityOpt: ['apparmor=unconfined', 'label=disable'] }), []);
  assert.deepEqual(await warned({ Privileged: true, CapDrop: ['CHOWN'] }), [
    'A privileged container has all capabilities: CapDrop is discarded.',
  ]);
  assert.deepEqual(await warned({ Privileged: true, Devices: [{ PathOnHost: '/dev/null', CgroupPermissions: 'r' }] }), [
    'Custom cgroup permissions of devices are ignored in a privileged container.',
  ]);
});

test('what the default filter refuses', async () => {
  const denied = 'unshare -U true; unshare -n true; mount -t tmpfs x /tmp; chroot / true && echo chroot ok';
  const out = await run(`(${denied}) 2>&1`);
  assert.equal(out.match(/not permitted|permission denied/gi)?.length, 3, out);
  assert.match(out, /chroot ok/);
});

test('no-new-privileges is set when asked for, in execs too', async () => {
  assert.match(await run('grep NoNewPrivs /proc/self/status', { host: { SecurityOpt: ['no-new-privileges'] } }), /1/);
  assert.match(await run('grep NoNewPrivs /proc/self/status'), /0/);
});

test('the kernel’s files are masked or read-only', async () => {
  assert.equal(await run('head -c1 /proc/interrupts | wc -c; ls /sys/firmware | wc -l'), '0\n0\n');
  assert.match(await run('echo 1 > /proc/sys/kernel/panic 2>&1 || echo no'), /no/);
  assert.match(await run('touch /sys/x 2>&1 || echo no'), /no/);
});

test('a read-only root still has writable mounts', async () => {
  const out = await run('touch /x 2>/dev/null || echo ro; touch /tmp/y /dev/shm/z && echo rw', {
    host: { ReadonlyRootfs: true, Tmpfs: { '/tmp': 'size=1m' } },
  });
  assert.equal(out, 'ro\nrw\n');
});

test('names: hostname, hosts, resolv.conf', async () => {
  const out = await run(
    'hostname; cat /etc/hostname; grep web /etc/hosts; grep more /etc/hosts; cat /etc/resolv.conf',
    {
      config: { Hostname: 'web', Domainname: 'example.org' },
      host: { ExtraHosts: ['more:1.2.3.4'], Dns: ['9.9.9.9'], DnsSearch: ['search.test'], DnsOptions: ['ndots:3'] },
    },
  );
  const lines = out.split('\n');
  assert.deepEqual(lines.slice(0, 2), ['web', 'web']);
  assert.match(lines[2]!, /^10\.\d+\.\d+\.\d+\tweb\.example\.org web$/);
  assert.equal(lines[3], '1.2.3.4\tmore');
  assert.deepEqual(lines.slice(4, 7), ['nameserver 9.9.9.9', 'search search.test', 'options ndots:3']);
});

test('namespaces of the host where asked for', async () => {
  assert.equal(await run('hostname', { host: { UTSMode: 'host' } }), `${hostname()}\n`);
  assert.equal(await run('hostname', { host: { NetworkMode: 'host' } }), `${hostname()}\n`);
  const own = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
  const seen = await run('ls /proc 2>/dev/null | grep -c "^[0-9]"', { host: { PidMode: 'host' } });
  assert.ok(Number(seen) > own / 2, seen);
  assert.equal(await run('echo $$'), '1\n');
});

test('a container may share the network and processes of another', async () => {
  const first = await host.create(['sleep', '60'], { name: 'first' });
  await host.containers.start(first);
  const address = Object.values(host.containers.get(first).networks)[0]!.IPAddress!;
  const config = { NetworkMode: 'container:first', PidMode: 'container:first' };
  const out = await run('ip -4 addr show eth0; hostname -i; ps | grep sleep; cat /etc/hosts', { host: config });
  assert.ok(out.includes(address), out);
  assert.match(out, /1 root .* sleep 60/);
  await host.containers.remove(first, { force: true });
  await assert.rejects(run('true', { host: { NetworkMode: 'container:first' } }), {
    message: 'joining network namespace of container: No such container: first',
  });
});

test('the working directory is made, links in it stay inside the root', async () => {
  assert.equal(await run('pwd', { config: { WorkingDir: '/new/work' } }), '/new/work\n');
  await assert.rejects(run('pwd', { config: { WorkingDir: '/etc/passwd' } }), {
    message: 'Cannot mkdir: /etc/passwd is not a directory',
  });
  for (let fd = 3; fd < 16; fd++)
    await assert.rejects(run('ls ../../../..', { config: { WorkingDir: `/proc/self/fd/${fd}` } }), `fd ${fd}`);
});

test('a link in the image does not turn a mount target out of the root', async () => {
  const outside = mkdtempSync(join(host.top, 'outside-'));
  const source = mkdtempSync(join(host.top, 'source-'));
  writeFileSync(join(source, 'file'), 'inside');
  const id = await host.create(['sh', '-c', 'cat /link/file']);
  await host.containers.withRoot(id, async (root) => symlinkSync(outside, join(root, 'link')));
  await host.containers.remove(id);
  const again = await host.create(['sh', '-c', 'cat /link/file; touch /link/made'], {
    host: { Binds: [`${source}:/link`] },
  });
  await host.containers
    .withRoot(again, async (root) => symlinkSync(outside, join(root, 'link')))
    .catch(() => undefined);
  await host.containers.start(again);
  await host.containers.wait(again);
  assert.deepEqual(readdirSync(outside), []);
  assert.ok(existsSync(join(source, 'made')));
  await host.containers.remove(again);
});

test('no descriptor of the daemon reaches a container', async () => {
  assert.equal(await run('ls /proc/self/fd | wc -l'), '4\n');
});

test('limits of memory, processes and time reach the cgroup', async () => {
  const { facts } = host.parts;
  const out = await run(
    'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null',
    { host: { Memory: 32 << 20, PidsLimit: 77 } },
  );
  if (facts.controllers.has('memory')) assert.match(out, /^33554432$/m);
  if (facts.controllers.has('pids')) assert.match(out, /^77$/m);
});

test('a process that takes too much memory is killed, and the container tells it', async (t) => {
  if (!host.parts.facts.controllers.has('memory')) return t.skip('no memory controller');
  const { id, exitCode } = await host.run(['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=200M count=1'], {
    host: { Memory: 16 << 20, MemorySwap: 16 << 20 },
  });
  assert.equal(exitCode, 137);
  assert.equal(host.containers.get(id).state.oomKilled, true);
  await host.containers.remove(id);
});

test('limits that make no sense are refused in the words of the reference', async () => {
  const refused = async (config: HostConfig) =>
    await host.create(['true'], { host: config }).then(
      () => 'accepted',
      (error: Error) => error.message,
    );
  assert.equal(await refused({ Memory: 1024 }), 'Minimum memory limit allowed is 6MB');
  assert.match(
    await refused({ NanoCpus: 1e12 }),
    /^range of CPUs is from 0\.01 to \d+\.00, as there are only \d+ CPUs available$/,
  );
  assert.equal(
    await refused({ AutoRemove: true, RestartPolicy: { Name: 'always' } }),
    "can't create 'AutoRemove' container with restart policy",
  );
  assert.match(await refused({ LogConfig: { Type: 'syslog' } }), /error looking up logging plugin syslog/);
});

test('rlimits are never more than the daemon may have', async () => {
  const out = await run('ulimit -n; ulimit -Hn', { host: { Ulimits: [{ Name: 'nofile', Soft: 512, Hard: 1024 }] } });
  assert.equal(out, '512\n1024\n');
  const huge = await run('ulimit -Hn', { host: { Ulimits: [{ Name: 'nofile', Soft: 4_000_000, Hard: 4_000_000 }] } });
  assert.ok(Number(huge) > 1024);
});

test('sysctls, shared memory and devices', async () => {
  assert.equal(
    await run('cat /proc/sys/net/ipv4/ip_forward', { host: { Sysctls: { 'net.ipv4.ip_forward': '1' } } }),
    '1\n',
  );
  assert.match(await run('df -k /dev/shm | tail -1', { host: { ShmSize: 8 << 20 } }), /\s8192\s/);
  const device = { PathOnHost: '/dev/kmsg', PathInContainer: '/dev/my', CgroupPermissions: 'r' };
  assert.match(await run('ls -l /dev/my', { host: { Devices: [device] } }), /^c.* 1, +11 /);
  await assert.rejects(run('true', { host: { Devices: [{ ...device, PathOnHost: '/dev/nope' }] } }), {
    message: 'error gathering device information while adding custom device "/dev/nope": no such file or directory',
  });
  assert.ok(
    Number(await run('ls /dev | wc -l', { host: { Privileged: true } })) > Number(await run('ls /dev | wc -l')),
  );
});

test('an init process reaps and passes signals on', async (t) => {
  if (!existsSync('/usr/bin/catatonit')) return t.skip('catatonit is not installed');
  assert.match(await run('cat /proc/1/comm; echo $$', { host: { Init: true } }), /^(catatonit|init)\n\d+\n$/);
});

test('a container cannot see the engine’s own files', async () => {
  const out = await run('mount; cat /proc/self/mountinfo');
  assert.ok(!out.includes(`${host.stateRoot}/`), out);
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes('/dev/init'));
  mkdirSync(join(host.top, 'unused'));
});

test('an update takes limits off a running container, and a later one does not bring them back', async () => {
  const { facts } = host.parts;
  const memory = { Memory: 32 << 20, MemorySwap: 48 << 20 };
  const cases: readonly LiftedLimit[] = [
    { given: { PidsLimit: 50 }, lift: { PidsLimit: -1 }, kept: 0, files: ['pids/pids.max', 'pids.max'] },
    { given: { CpuQuota: 50_000 }, lift: { CpuQuota: -1 }, kept: -1, files: ['cpu/cpu.cfs_quota_us', 'cpu.max'] },
    {
      given: memory,
      lift: { MemorySwap: -1 },
      kept: -1,
      files: ['memory/memory.memsw.limit_in_bytes', 'memory.swap.max'],
    },
  ];
  for (const { given, lift, kept, files } of cases) {
    const [name] = Object.keys(lift) as [keyof HostConfig];
    const [controller = ''] = files[0].split('/');
    if (!facts.controllers.has(controller) || (controller === 'memory' && !facts.swapLimit)) continue;
    const id = await host.create(['sleep', '60'], { host: given });
    await host.containers.start(id);
    const folders = cgroupFolders(host.containers.get(id).state.pid);
    const one = folders.get('');
    const file = one === undefined ? join(folders.get(controller)!, basename(files[0])) : join(one, files[1]);
    const now = () => readFileSync(file, 'utf8').trim();
    // Of memory, version 2 counts swap apart.
    const before = name === 'MemorySwap' && one !== undefined ? 16 << 20 : given[name];
    assert.equal(now().split(' ')[0], String(before), name);
    // What the file of a group has that nobody limited: that of memory, the most that fits in pages.
    const lifted = /^(max( 100000)?|-1|9223372036854771712)$/;
    await host.containers.update(id, lift);
    assert.match(now(), lifted, name);
    assert.equal(host.containers.get(id).host[name], kept);
    await host.containers.update(id, { CpuShares: 512 });
    assert.match(now(), lifted, `${name} after another update`);
    await host.containers.remove(id, { force: true });
  }
});

interface LiftedLimit {
  readonly given: HostConfig;
  readonly lift: HostConfig;
  /** What the container's settings say of it then. */
  readonly kept: number;
  /** Where the kernel has it, by version of control groups. */
  readonly files: readonly [string, string];
}
