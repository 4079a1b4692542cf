import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeBusyboxRoot } from '../../e2e/fixtures/busybox-root.ts';
import { startTestHost, type TestHost } from '../container/testing/host.ts';
import type { Step } from './types.ts';

let host: TestHost;
let root = '';
before(async () => {
  host = await startTestHost();
});
after(async () => await host.stop());
beforeEach(() => {
  root = mkdtempSync(join(host.top, 'root-'));
  makeBusyboxRoot(root);
});

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  command: string | readonly string[],
  more: Partial<Step> = {},
  signal = new AbortController().signal,
): Promise<Outcome> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const { exitCode } = await host.parts.steps.run(
    {
      root,
      args: typeof command === 'string' ? ['/bin/sh', '-c', command] : command,
      env: ['PATH=/usr/bin:/bin'],
      cwd: '/',
      user: { uid: 0, gid: 0, groups: [], home: '/root' },
      mounts: [],
      network: 'none',
      insecure: false,
      ...more,
    },
    { stdout: (chunk) => out.push(Buffer.from(chunk)), stderr: (chunk) => err.push(Buffer.from(chunk)), signal },
  );
  return { exitCode, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

test('a step ends with the exit code of its process, its output in two streams', async () => {
  assert.deepEqual(await run('echo out; echo err >&2; exit 7'), { exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
});

/** Of cgroups v2, else of v1. */
const limitFiles = {
  memory: 'cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes',
  quota:
    'cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us',
  processors: "grep Cpus_allowed_list /proc/self/status | tr -d '\\t' | cut -d: -f2",
  nodes: "grep Mems_allowed_list /proc/self/status | tr -d '\\t' | cut -d: -f2",
};

test('a step has the limits that it is given', async () => {
  const rows: readonly (readonly [Partial<Step>, string, RegExp])[] = [
    [{ limits: { Memory: 64 << 20 } }, limitFiles.memory, /^67108864\n$/],
    [{ limits: { CpuQuota: 50_000, CpuPeriod: 200_000 } }, limitFiles.quota, /^50000\s200000\n$/],
    [{ limits: { CpusetCpus: '0' } }, limitFiles.processors, /^0\n$/],
    [{ limits: { CpusetMems: '0' } }, limitFiles.nodes, /^0\n$/],
    [{ ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }] }, 'ulimit -n; ulimit -Hn', /^100\n200\n$/],
    [{ shmSize: 1 << 20 }, 'df -k /dev/shm | tail -1', / 1024 /],
  ];
  for (const [more, command, expected] of rows) assert.match((await run(command, more)).stdout, expected, command);
  const killed = await run('dd if=/dev/zero of=/dev/null bs=100M count=1', {
    limits: { Memory: 16 << 20, MemorySwap: 16 << 20 },
  });
  assert.notEqual(killed.exitCode, 0);
});

test('limits that cannot be are refused before a step runs', () => {
  const { checkLimits } = host.parts.steps;
  for (const [limits, message] of [
    [{ Memory: 1000 }, 'Minimum memory limit allowed is 6MB'],
    [{ MemorySwap: 1 << 30 }, /^You should always set the Memory limit when using Memoryswap/],
    [{ CpuQuota: 10 }, /^CPU cfs quota can not be less than 1ms/],
    [{ CpusetCpus: '4096' }, /Requested CPUs are not available/],
    [{ CpusetMems: 'x' }, /Invalid value x for cpuset mems/],
  ] as const)
    assert.throws(() => checkLimits(limits), { message });
  assert.deepEqual(checkLimits({ CpuShares: 512 }), []);
});

test('what a step writes to can be opened once more, by its user', async () => {
  const user = { uid: 1000, gid: 1000, groups: [], home: '/home/ann' };
  const script =
    'ln -s /dev/stdout /tmp/log; echo one | tee /dev/stderr; echo two >/dev/stdout; echo three >>/proc/self/fd/2; echo four >/tmp/log; cat /dev/stdin';
  for (const more of [{}, { user }]) {
    const outcome = await run(script, more);
    assert.deepEqual(outcome, { exitCode: 0, stdout: 'one\ntwo\nfour\n', stderr: 'one\nthree\n' });
    rmSync(join(root, 'tmp/log'));
  }
});

test('the root shows what the step wrote and the folders of the runtime, and nothing of what it was given', async () => {
  const before = readdirSync(root);
  const date = new Date('2020-01-01T00:00:00Z');
  utimesSync(join(root, 'etc'), date, date);
  const { stdout } = await run('cat /etc/hosts; cat /etc/resolv.conf; echo x > /tmp/file', {
    extraHosts: [{ host: 'registry.test', ip: '10.1.2.3' }],
  });
  assert.match(stdout, /^127\.0\.0\.1\s+localhost/m);
  assert.match(stdout, /^10\.1\.2\.3\s+registry\.test$/m);
  assert.match(stdout, /^nameserver /m);
  assert.deepEqual(readdirSync(root), [...before, 'dev', 'proc', 'sys'].toSorted());
  assert.deepEqual(readdirSync(join(root, 'etc')), ['group', 'passwd']);
  assert.equal(statSync(join(root, 'etc')).mtimeMs, date.getTime());
  assert.equal(readFileSync(join(root, 'tmp/file'), 'utf8'), 'x\n');
});

test('a step without a network has loopback alone', async () => {
  assert.equal((await run('ls /sys/class/net')).stdout, 'lo\n');
});

test('a step on the bridge has an address, and its namespace is used again', async () => {
  const first = await run('ip -4 addr show eth0 | grep -o "inet [0-9.]*"', { network: 'bridge' });
  const second = await run('ip -4 addr show eth0 | grep -o "inet [0-9.]*"', { network: 'bridge' });
  assert.match(first.stdout, /^inet 10\./);
  assert.equal(second.stdout, first.stdout);
});

test('a step that is not privileged cannot change its network, mount or make namespaces', async () => {
  const { stdout } = await run(
    'ip link set lo down 2>/dev/null && echo link; mount -t tmpfs x /tmp 2>/dev/null && echo mount; unshare -n true 2>/dev/null && echo ns; unshare -U true 2>/dev/null && echo user; echo done',
  );
  assert.equal(stdout, 'done\n');
});

test('an insecure step may mount', async () => {
  const { exitCode, stderr } = await run('mount -t tmpfs x /tmp && umount /tmp', { insecure: true });
  assert.equal(exitCode, 0, stderr);
});

test('a step runs as its user, with supplementary groups', async () => {
  const user = { uid: 1000, gid: 1000, groups: [10, 50], home: '/home/ann' };
  assert.equal(
    (await run('id', { user })).stdout,
    'uid=1000(ann) gid=1000(ann) groups=10(wheel),50(staff),1000(ann)\n',
  );
});

test('a file made by a step has the usual mode', async () => {
  await run('touch /tmp/f; mkdir /tmp/d');
  assert.equal(statSync(join(root, 'tmp/f')).mode & 0o777, 0o644);
  assert.equal(statSync(join(root, 'tmp/d')).mode & 0o777, 0o755);
});

test('mounts are there for the step alone, and leave no stub', async () => {
  const shared = mkdtempSync(join(host.top, 'mount-'));
  writeFileSync(join(shared, 'secret'), 'hush');
  const { stdout, exitCode } = await run(
    'cat /run/secrets/one; touch /cache/made; touch /ro/x 2>/dev/null || echo ro; echo y > /scratch/z',
    {
      mounts: [
        { target: '/run/secrets/one', readonly: true, source: { kind: 'bind', path: join(shared, 'secret') } },
        { target: '/cache', readonly: false, source: { kind: 'bind', path: shared } },
        { target: '/ro', readonly: true, source: { kind: 'bind', path: shared } },
        { target: '/scratch', readonly: false, source: { kind: 'tmpfs', size: 1 << 20 } },
      ],
    },
  );
  assert.equal(exitCode, 0);
  assert.equal(stdout, 'hushro\n');
  assert.ok(readdirSync(shared).includes('made'));
  for (const name of ['run', 'cache', 'ro', 'scratch']) assert.ok(!readdirSync(root).includes(name), name);
});

test('a mount over /etc leaves no stub of the files that are put there first', async () => {
  const before = readdirSync(join(root, 'etc'));
  const mounts = [{ target: '/etc', readonly: false, source: { kind: 'tmpfs' as const } }];
  const { stdout } = await run('ls -A /etc', { mounts });
  assert.equal(stdout, '');
  assert.deepEqual(readdirSync(join(root, 'etc')), before);
});

test('a mount target that is a link stays inside the root', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'strata-outside-'));
  const shared = mkdtempSync(join(host.top, 'mount-'));
  symlinkSync(outside, join(root, 'out'));
  await run('touch /out/inside', {
    mounts: [{ target: '/out', readonly: false, source: { kind: 'bind', path: shared } }],
  });
  assert.deepEqual(readdirSync(outside), []);
  assert.deepEqual(readdirSync(shared), ['inside']);
  rmSync(outside, { recursive: true });
});

test('a command that cannot be started is told in the words of the reference, with its exit code', async () => {
  writeFileSync(join(root, 'bin/plain'), 'text', { mode: 0o644 });
  const reasons: readonly (readonly [string, string])[] = [
    ['no-such-program', 'exec: "no-such-program": executable file not found in $PATH'],
    ['/no/such', 'exec: "/no/such": stat /no/such: no such file or directory'],
    ['/bin/plain', 'exec: "/bin/plain": permission denied'],
  ];
  for (const [command, reason] of reasons) {
    const { exitCode, stderr } = await run([command]);
    assert.equal(exitCode, 1);
    assert.equal(
      stderr,
      `runc run failed: unable to start container process: error during container init: ${reason}\n`,
    );
  }
});

test('a working directory behind a descriptor of the runtime is refused', async () => {
  for (const fd of [3, 4, 5, 6, 7, 8, 9, 10]) {
    const { stdout, exitCode } = await run('pwd -P; ls ../../../../..', { cwd: `/proc/self/fd/${fd}` });
    assert.notEqual(exitCode, 0, `fd ${fd}: ${stdout}`);
  }
});

test('an abort kills every process of the step, and leaves no container behind', async () => {
  const abort = new AbortController();
  const marker = `3${Math.floor(Math.random() * 1e6)}`;
  const running = run(
    `sleep ${marker} & setsid sleep ${marker} & trap "" TERM INT; while true; do sleep 1; done`,
    {},
    abort.signal,
  );
  await sleep(300);
  assert.ok(processes().some((line) => line.includes(`sleep\0${marker}`)));
  abort.abort();
  await assert.rejects(running, { kind: 'cancelled' });
  assert.deepEqual(
    processes().filter((line) => line.includes(`sleep\0${marker}`)),
    [],
  );
  assert.deepEqual(readdirSync(join(host.stateRoot, 'steps')), []);
});

test('an abort right at the start holds as well', async () => {
  for (const delay of [0, 2, 5, 10, 20]) {
    const abort = new AbortController();
    const running = run('sleep 60', {}, abort.signal);
    setTimeout(() => abort.abort(), delay);
    await assert.rejects(running, { kind: 'cancelled' });
  }
});

test('much output arrives whole', async () => {
  const { stdout } = await run('seq 1 200000');
  assert.equal(stdout.length, 1288895);
  assert.ok(stdout.endsWith('\n200000\n'));
});

test('host network: the step is in the network namespace of the host', async () => {
  // Not by its interfaces: those of other tests come and go.
  const { stdout } = await run('readlink /proc/self/ns/net', { network: 'host' });
  assert.equal(stdout, `${readlinkSync('/proc/self/ns/net')}\n`);
});

test('a root that lacks the folders of the runtime gets them, and nothing of what else is mounted', async () => {
  const bare = mkdtempSync(join(host.top, 'bare-'));
  mkdirSync(join(bare, 'tool'));
  const base = readFileSync(join(root, 'bin/busybox'));
  writeFileSync(join(bare, 'tool/busybox'), base, { mode: 0o755 });
  const mounts: Step['mounts'] = [{ target: '/cache/one', readonly: false, source: { kind: 'tmpfs' } }];
  const start = Math.floor(Date.now() / 1000);
  const step = async (more: readonly Step['mounts'][number][] = []) => {
    const { exitCode, stderr } = await run(['/tool/busybox', 'true'], { root: bare, mounts: [...mounts, ...more] });
    assert.equal(exitCode, 0, stderr);
    return readdirSync(bare).map((name) => {
      const { mode, uid, gid, mtimeMs } = statSync(join(bare, name));
      return { name, mode: mode & 0o7777, uid, gid, mtimeMs };
    });
  };
  await step([{ target: '/dev', readonly: false, source: { kind: 'tmpfs' } }]);
  assert.deepEqual(readdirSync(bare).toSorted(), ['proc', 'sys', 'tool']);
  const first = await step();
  assert.deepEqual(first.map(({ name }) => name).toSorted(), ['dev', 'proc', 'sys', 'tool']);
  for (const { name, mode, uid, gid, mtimeMs } of first) {
    if (name === 'tool') continue;
    assert.deepEqual([mode, uid, gid, mtimeMs >= start * 1000], [0o755, 0, 0, true], name);
    assert.deepEqual(readdirSync(join(bare, name)), []);
  }
  assert.deepEqual(await step(), first);
});

function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    });
}
