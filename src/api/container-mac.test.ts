import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerMacWarning, withContainerMac } from './container-mac.ts';

const mac = '02:42:ac:11:00:99';

test('the MAC address of a whole container is that of its main network', () => {
  const old = { mac, version: '1.43' };
  assert.deepEqual(withContainerMac(undefined, { ...old, mode: 'lan' }), {
    endpoints: { lan: { MacAddress: mac } },
    warnings: [],
  });
  assert.deepEqual(withContainerMac({ bridge: { Aliases: ['a'] } }, { ...old, mode: 'default' }).endpoints, {
    bridge: { Aliases: ['a'], MacAddress: mac },
  });
  for (const mode of ['none', 'host', 'container:x']) {
    assert.throws(
      () => withContainerMac(undefined, { ...old, mode }),
      /^StrataError: conflicting options: mac-address/,
    );
    assert.equal(withContainerMac(undefined, { mac, mode, version: '1.44' }).endpoints, undefined);
  }
  assert.deepEqual(withContainerMac({ other: {} }, { ...old, mode: 'lan' }).endpoints, { other: { MacAddress: mac } });
  assert.throws(
    () => withContainerMac({ other: {} }, { mac, mode: 'lan', version: '1.44' }),
    /^StrataError: unable to migrate/,
  );
  assert.deepEqual(withContainerMac(undefined, { mac: '', mode: 'lan', version: '1.51' }).warnings, []);
  assert.deepEqual(withContainerMac(undefined, { mac, mode: 'lan', version: '1.44' }).warnings, [containerMacWarning]);
  const other = { default: { MacAddress: '02:42:ac:11:00:98' } };
  assert.throws(() => withContainerMac(other, { mac, mode: 'bridge', version: '1.44' }), {
    kind: 'invalid_argument',
    message:
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
  });
});
