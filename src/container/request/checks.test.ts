import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import type { CgroupFeature } from '../../runtime/cgroups.ts';
import type { LimitFacts } from '../../runtime/resource-checks.ts';
import type { ContainerConfig, HostConfig } from '../types.ts';
import { parseBind, parseVolumesFrom } from './bind-text.ts';
import { checkConfig } from './check-config.ts';
import { checkHostConfig, checkStorage, checkUpdate } from './check-host.ts';
import { checkLogConfig, logSizeLimit } from './log-options.ts';
import { checkPathLength } from './path-length.ts';
import { tmpfsMountOptions, tmpfsText } from './tmpfs-options.ts';

const facts: LimitFacts = { cpus: '0-1', memoryNodes: '0', features: new Set<CgroupFeature>(['block weight']) };

/** What `check` says, in one line for each; `fine` where it says nothing. */
function said<T>(check: (value: T) => unknown, values: readonly T[]): readonly string[] {
  return values.map((value) => {
    try {
      check(value);
      return 'fine';
    } catch (error) {
      const { kind, message } = error as { kind?: string; message: string };
      assert.equal(kind, 'invalid_argument', message);
      return message;
    }
  });
}

/** Words of Docker 28.5 beside what it was asked for. */
function compare<T>(check: (value: T) => unknown, table: readonly (readonly [T, string])[]): void {
  assert.deepEqual(
    said(
      check,
      table.map(([value]) => value),
    ),
    table.map(([, words]) => words),
  );
}

const host = (value: HostConfig) => checkHostConfig(value, facts);

test('what a request says of the container itself is refused in Docker’s words', () => {
  compare<ContainerConfig>(checkConfig, [
    [{ WorkingDir: 'foo' }, "the working directory 'foo' is invalid, it needs to be an absolute path"],
    [{ WorkingDir: '/a/../b/' }, 'fine'],
    [{ StopSignal: 'foo' }, 'invalid signal: foo'],
    [{ StopSignal: '99' }, 'fine'],
    [{ StopSignal: 'RTMAX-3' }, 'fine'],
    [{ Env: ['A=1', '=x'] }, 'invalid environment variable: =x'],
    [{ Env: [''] }, 'invalid environment variable: '],
    [{ Healthcheck: { Interval: 1000 } }, 'Interval in Healthcheck cannot be less than 1ms'],
    [{ Healthcheck: { Timeout: -5 } }, 'Timeout in Healthcheck cannot be less than 1ms'],
    [{ Healthcheck: { Retries: -1 } }, 'Retries in Healthcheck cannot be negative'],
    [{ Healthcheck: { StartPeriod: 1 } }, 'StartPeriod in Healthcheck cannot be less than 1ms'],
    [{ Healthcheck: { StartInterval: 1 } }, 'StartInterval in Healthcheck cannot be less than 1ms'],
    [{ Healthcheck: { Interval: 1_000_000, Timeout: 0 } }, 'fine'],
  ]);
});

test('limits are refused in Docker’s words', () => {
  const many = availableParallelism();
  const mebibytes = 2 ** 20;
  compare<HostConfig>(host, [
    [{ Memory: 1 }, 'Minimum memory limit allowed is 6MB'],
    [{ MemorySwap: 5 }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
    [
      { Memory: 32 * mebibytes, MemorySwap: 16 * mebibytes },
      'Minimum memoryswap limit should be larger than memory limit, see usage',
    ],
    [{ MemorySwappiness: 101 }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
    [{ MemorySwappiness: -2 }, 'Invalid value: -2, valid memory swappiness range is 0-100'],
    [{ MemorySwappiness: -1 }, 'fine'],
    [{ MemoryReservation: 1 }, 'Minimum memory reservation allowed is 6MB'],
    [
      { Memory: 32 * mebibytes, MemoryReservation: 64 * mebibytes },
      'Minimum memory limit can not be less than memory reservation limit, see usage',
    ],
    [{ NanoCpus: 1e9, CpuPeriod: 5000 }, 'Conflicting options: Nano CPUs and CPU Period cannot both be set'],
    [{ NanoCpus: 1e9, CpuQuota: 5000 }, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
    [{ NanoCpus: -1 }, `range of CPUs is from 0.01 to ${many}.00, as there are only ${many} CPUs available`],
    [{ CpuShares: -1 }, 'invalid CPU shares (-1): value must be a positive integer'],
    [{ CpuPeriod: 5 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
    [{ CpuQuota: 5 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
    [{ CpusetCpus: '77' }, 'Requested CPUs are not available - requested 77, available: 0-1'],
    [{ CpusetCpus: '0-1,7' }, 'Requested CPUs are not available - requested 0-1,7, available: 0-1'],
    [{ CpusetCpus: '1-0' }, 'Invalid value 1-0 for cpuset cpus: invalid format: 1-0'],
    [{ CpusetCpus: '0,' }, 'Invalid value 0, for cpuset cpus: invalid format: 0,'],
    [{ CpusetCpus: '0-99999999' }, 'Invalid value 0-99999999 for cpuset cpus: value of out range, maximum is 8192'],
    [{ CpusetCpus: '0,1', CpusetMems: '0' }, 'fine'],
    [{ CpusetMems: 'x' }, 'Invalid value x for cpuset mems: invalid format: x'],
    [{ CpusetMems: '7' }, 'Requested memory nodes are not available - requested 7, available: 0'],
    [{ BlkioWeight: 5 }, 'Range of blkio weight is from 10 to 1000'],
    [
      { CpuRealtimePeriod: 5, CpuRealtimeRuntime: 7 },
      'cpu real-time runtime cannot be higher than cpu real-time period',
    ],
    [{ IOMaximumIOps: 5 }, 'invalid option: QoS maximum IOPs configuration is not supported on linux'],
    [{ IOMaximumBandwidth: 5 }, 'invalid option: QoS maximum bandwidth configuration is not supported on linux'],
  ]);
  compare<HostConfig>(
    (value) => checkUpdate(value, facts),
    [
      [{ Memory: 1 }, 'Minimum memory limit allowed is 6MB'],
      [{ MemorySwap: 5 }, 'fine'],
      [{ CpusetCpus: '77' }, 'Requested CPUs are not available - requested 77, available: 0-1'],
    ],
  );
});

test('modes, names and policies are refused in Docker’s words', () => {
  compare<HostConfig>(host, [
    [{ IpcMode: 'foo' }, 'invalid IPC mode: foo'],
    [{ IpcMode: 'shareable' }, 'fine'],
    [{ PidMode: 'container:' }, 'invalid PID mode: container:'],
    [{ UTSMode: 'foo' }, 'invalid UTS mode: foo'],
    [{ CgroupnsMode: 'foo' }, 'invalid cgroup namespace mode: foo'],
    [{ ShmSize: -1 }, 'SHM size can not be less than 0'],
    [{ OomScoreAdj: 2000 }, 'Invalid value 2000, range for oom score adj is [-1000, 1000]'],
    [{ CapAdd: ['net_admin', 'foo'] }, 'invalid CapAdd: unknown capability: "CAP_FOO"'],
    [{ CapDrop: [''] }, 'invalid CapDrop: unknown capability: "CAP_"'],
    [{ CapAdd: ['CAP_ALL'] }, 'invalid CapAdd: unknown capability: "CAP_ALL"'],
    [{ CapAdd: ['all'], CapDrop: ['cap_kill'] }, 'fine'],
    [{ Annotations: { '': 'x' } }, 'invalid Annotations: the empty string is not permitted as an annotation key'],
    [{ ExtraHosts: ['x'] }, 'bad format for add-host: "x"'],
    [{ ExtraHosts: ['a:[::1]'] }, 'invalid IP address in add-host: "[::1]"'],
    [{ ExtraHosts: ['a:host-gateway', 'b:::1'] }, 'fine'],
    [{ PortBindings: { '99999/tcp': [] } }, 'invalid port specification: "99999"'],
    [{ PortBindings: { '80/tcp': [{ HostPort: '80-70' }] } }, 'invalid port specification: "80-70"'],
    [{ PortBindings: { '80/tcp': [{ HostPort: '80-90' }, {}] } }, 'fine'],
    [
      { RestartPolicy: { Name: 'foo' } },
      "invalid restart policy: unknown policy 'foo'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
    ],
    [
      { RestartPolicy: { Name: 'always', MaximumRetryCount: -3 } },
      "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative",
    ],
    [
      { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -3 } },
      'invalid restart policy: maximum retry count cannot be negative',
    ],
    [
      { AutoRemove: true, RestartPolicy: { Name: 'always' } },
      "can't create 'AutoRemove' container with restart policy",
    ],
    [{ SecurityOpt: ['no-new-privileges='] }, 'invalid --security-opt 2: "no-new-privileges="'],
    [{ SecurityOpt: ['no-new-privileges', 'no-new-privileges=T'] }, 'fine'],
  ]);
  compare<HostConfig>(checkStorage, [
    [{ StorageOpt: { size: '1G' } }, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"],
    [{ StorageOpt: { foo: '1G' } }, 'Unknown option foo'],
    [{ StorageOpt: {} }, 'fine'],
  ]);
});

test('mounts are refused in Docker’s words', () => {
  const long = 'x'.repeat(300);
  compare<HostConfig>(host, [
    [{ Mounts: [{ Type: 'foo', Target: '/x' }] }, 'invalid mount config for type "foo": mount type unknown'],
    [{ Mounts: [{ Target: '/x' }] }, 'invalid mount config for type "": mount type unknown'],
    [
      { Mounts: [{ Type: 'bind', Target: '/x' }] },
      'invalid mount config for type "bind": field Source must not be empty',
    ],
    [
      { Mounts: [{ Type: 'bind', Source: 'a', Target: '/x' }] },
      'invalid mount config for type "bind": invalid mount path: \'a\' mount path must be absolute',
    ],
    [
      { Mounts: [{ Type: 'bind', Source: `/${long}`, Target: '/x' }] },
      `invalid mount config for type "bind": stat /${long}: file name too long`,
    ],
    [
      { Mounts: [{ Type: 'bind', Source: '/tmp', Target: '/x', BindOptions: { Propagation: 'foo' } }] },
      'invalid mount config for type "bind": invalid propagation mode: foo',
    ],
    [
      { Mounts: [{ Type: 'bind', Source: '/tmp', Target: '/x', VolumeOptions: {} }] },
      'VolumeOptions must not be specified on mount type "bind"',
    ],
    [{ Mounts: [{ Type: 'volume' }] }, 'invalid mount config for type "volume": field Target must not be empty'],
    [
      { Mounts: [{ Type: 'volume', Target: '/' }] },
      "invalid mount config for type \"volume\": invalid specification: destination can't be '/'",
    ],
    [
      { Mounts: [{ Type: 'volume', Target: '/x', VolumeOptions: { Subpath: 'a' } }] },
      'invalid mount config for type "volume": must not set Subpath when using anonymous volumes',
    ],
    [
      { Mounts: [{ Type: 'volume', Source: 'vv', Target: '/x', VolumeOptions: { Subpath: '../a' } }] },
      'invalid mount config for type "volume": subpath must be a relative path within the volume',
    ],
    [
      { Mounts: [{ Type: 'tmpfs', Source: 'a', Target: '/x' }] },
      'invalid mount config for type "tmpfs": field Source must not be specified',
    ],
    [
      { Mounts: [{ Type: 'tmpfs', Target: '/x', TmpfsOptions: { Options: [['uid', '5']] } }] },
      'invalid mount config for type "tmpfs": invalid option: uid',
    ],
    [{ Tmpfs: { foo: '' } }, "invalid mount path: 'foo' mount path must be absolute"],
    [{ Tmpfs: { '/': '' } }, "invalid specification: destination can't be '/'"],
  ]);
  compare<string>(parseBind, [
    ['', "invalid volume specification: ''"],
    ['/x:/y:ro:z', "invalid volume specification: '/x:/y:ro:z'"],
    ['/x:ro', "invalid volume specification: '/x:ro'"],
    [
      '/',
      "invalid volume specification: '/': invalid mount config for type \"volume\": invalid specification: destination can't be '/'",
    ],
    [
      'x:y',
      "invalid volume specification: 'x:y': invalid mount config for type \"volume\": invalid mount path: 'y' mount path must be absolute",
    ],
    [
      '/tmp:/x:nocopy',
      'invalid volume specification: \'/tmp:/x:nocopy\': invalid mount config for type "bind": field VolumeOptions must not be specified',
    ],
    [
      'vv:/x:shared',
      'invalid volume specification: \'vv:/x:shared\': invalid mount config for type "volume": field BindOptions must not be specified',
    ],
    ['vv:/x:zz', 'invalid mode: zz'],
    ['/tmp:/x:ro,rw', 'invalid mode: ro,rw'],
    ['/tmp:/x:ro,', 'invalid mode: ro,'],
    ['/tmp:/x:', 'fine'],
    ['/tmp:/x:rslave,ro,Z', 'fine'],
  ]);
  compare<string>(parseVolumesFrom, [
    ['', 'volumes-from specification cannot be an empty string'],
    ['nope:zz', 'invalid mode: zz'],
    ['nope:nocopy', 'invalid mode: nocopy'],
    ['a:b:c', 'invalid mode: b:c'],
    ['nope:ro,z', 'fine'],
  ]);
  compare<string>(
    (path) => checkPathLength('/root', path),
    [
      [`/a/${long}`, `lstat /root/a/${long}: file name too long`],
      [`/${'é'.repeat(128)}`, `lstat /root/${'é'.repeat(128)}: file name too long`],
      [`/${'xx/'.repeat(1400)}`, `lstat /root/${'xx/'.repeat(1400)}: file name too long`],
      [`/${'x'.repeat(255)}`, 'fine'],
    ],
  );
});

test('of the options of a tmpfs that do not go together the last counts, and others are refused', () => {
  assert.deepEqual(tmpfsMountOptions(''), ['noexec', 'nosuid', 'nodev', 'rprivate']);
  assert.deepEqual(tmpfsMountOptions('exec,size=1k,ro,size=2k'), [
    'nosuid',
    'nodev',
    'rprivate',
    'exec',
    'ro',
    'size=2k',
  ]);
  assert.equal(
    tmpfsText({ ReadOnly: true, TmpfsOptions: { SizeBytes: 5, Mode: 0o700, Options: [['noexec']] } }),
    'ro,mode=700,size=5,noexec',
  );
  compare<string>(tmpfsMountOptions, [
    ['bad', 'invalid tmpfs option "bad"'],
    ['foo=bar', 'invalid tmpfs option "foo"'],
    [',', 'invalid tmpfs option ""'],
    ['noexec=1', 'invalid tmpfs option "noexec"'],
    ['mode=abc', 'fine'],
  ]);
});

test('log options are refused in Docker’s words, some when the container starts', () => {
  const log = (Config: Record<string, string>, Type = 'json-file'): HostConfig => ({ LogConfig: { Type, Config } });
  compare<HostConfig>(checkLogConfig, [
    [log({ a: 'b' }), "unknown log opt 'a' for json-file log driver"],
    [log({ a: 'b' }, 'local'), "unknown log opt 'a' for log driver local"],
    [log({ a: 'b' }, 'none'), 'fine'],
    [log({ mode: 'foo' }), 'logger: logging mode not supported: foo'],
    [log({ 'max-buffer-size': '1m' }), "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
    [log({ mode: 'non-blocking', 'max-buffer-size': 'x' }), "error parsing option max-buffer-size: invalid size: 'x'"],
    [log({}, 'foo'), 'error looking up logging plugin foo: plugin "foo" not found'],
    [log({ 'max-size': 'x', tag: 'y' }), 'fine'],
  ]);
  const start = (words: string) => `failed to create task for container: failed to initialize logging driver: ${words}`;
  compare<HostConfig>(logSizeLimit, [
    [log({ 'max-size': 'x' }), start("invalid size: 'x'")],
    [log({ 'max-size': '1q' }), start("invalid suffix: 'q'")],
    [log({ 'max-size': '-1' }), start("invalid size: '-1'")],
    [log({ 'max-size': '0' }), start('max-size must be a positive number')],
    [log({ 'max-file': 'x' }), start('strconv.Atoi: parsing "x": invalid syntax')],
    [log({ 'max-file': '0' }), start('max-file cannot be less than 1')],
    [log({ compress: 'x' }), start('strconv.ParseBool: parsing "x": invalid syntax')],
    [log({ compress: 'true' }), start('compress cannot be true when max-file is less than 2 or max-size is not set')],
    [log({ 'max-size': 'x' }, 'local'), start("invalid value for max-size: x: invalid size: 'x'")],
    [log({ 'max-file': '-1' }, 'local'), start('max file count cannot be less than 0')],
  ]);
  assert.deepEqual(
    ['1.5m', '1 MB', '1mib', '7', '2g'].map((size) => logSizeLimit(log({ 'max-size': size }))),
    [1_500_000, 1_000_000, 1_000_000, 7, 2_000_000_000],
  );
  assert.equal(logSizeLimit({}), undefined);
});
