import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostConfig } from '../../container/index.ts';
import { filledFields, hostConfigView } from './host-config.ts';

/** What was given, and what is then shown; the latter as Docker 28.5 shows it. */
const rows: readonly (readonly [string, unknown, unknown])[] = [
  ['PortBindings', undefined, null],
  ['PortBindings', {}, {}],
  [
    'PortBindings',
    { '80/tcp': [{ HostPort: '1' }], '81/udp': [] },
    { '80/tcp': [{ HostIp: '', HostPort: '1' }], '81/udp': [] },
  ],
  ['RestartPolicy', {}, { Name: 'no', MaximumRetryCount: 0 }],
  ['RestartPolicy', { Name: 'always' }, { Name: 'always', MaximumRetryCount: 0 }],
  ['LogConfig', undefined, { Type: 'json-file', Config: {} }],
  ['LogConfig', { Type: 'none' }, { Type: 'none', Config: {} }],
  ['Devices', [], []],
  ['Devices', [{ PathOnHost: '/a' }], [{ PathOnHost: '/a', PathInContainer: '', CgroupPermissions: '' }]],
  [
    'DeviceRequests',
    [{ Count: -1, Capabilities: [['gpu']] }],
    [{ Driver: '', Count: -1, DeviceIDs: null, Capabilities: [['gpu']], Options: null }],
  ],
  [
    'Mounts',
    [{ Type: 'bind', Source: '/a', Target: '/b', ReadOnly: false, BindOptions: { Propagation: '' } }],
    [{ Type: 'bind', Source: '/a', Target: '/b', BindOptions: {} }],
  ],
  ['Mounts', [], undefined],
  ['Annotations', {}, undefined],
  ['StorageOpt', {}, undefined],
  ['Sysctls', {}, undefined],
  ['Tmpfs', {}, undefined],
  ['Tmpfs', { '/t': '' }, { '/t': '' }],
  ['Sysctls', { a: 'b' }, { a: 'b' }],
  ['ConsoleSize', [1], [1, 0]],
  ['ConsoleSize', [1, 2, 3], [1, 2]],
  ['Runtime', '', 'runc'],
  ['ShmSize', 0, 67108864],
  ['IpcMode', '', 'private'],
  ['NetworkMode', 'default', 'bridge'],
  ['Binds', [], []],
  ['Binds', undefined, null],
  ['VolumesFrom', [], []],
  ['Init', undefined, undefined],
  ['Init', false, false],
];

test('a host configuration is shown with all the fields of its parts, and without what says nothing', () => {
  for (const [field, given, shown] of rows)
    assert.deepEqual(hostConfigView({ [field]: given } as HostConfig)[field], shown, field);
});

test('a health check is shown without what it leaves to the default', () => {
  assert.deepEqual(filledFields({ Test: ['CMD', 'x'], Interval: 0, Retries: 3 }), { Test: ['CMD', 'x'], Retries: 3 });
  assert.deepEqual(filledFields({}), {});
});
