import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../db/index.ts';
import { takeAddress } from './addresses.ts';
import { networkMigrations } from './migrations.ts';
import { createNetworkStore, emptyNetwork } from './store.ts';

function place() {
  const folder = mkdtempSync(join(tmpdir(), 'strata-addresses-'));
  const db = openDatabase(join(folder, 'strata.db'), networkMigrations);
  const network = createNetworkStore(db).save({
    ...emptyNetwork('small'),
    driver: 'bridge',
    created: '',
    subnets: [{ subnet: '10.1.2.0/29', gateway: '10.1.2.1' }],
  });
  let sandboxes = 0;
  const take = (wanted?: string) => {
    const path = `/sandbox/${sandboxes++}`;
    db.run("INSERT INTO sandboxes (path, owner, request) VALUES (?, 'x', '{}')", path);
    const ip = takeAddress(db, network, path, wanted === undefined ? {} : { ip: wanted });
    return { ip, giveBack: () => db.run('DELETE FROM sandboxes WHERE path = ?', path) };
  };
  const close = () => {
    db.close();
    rmSync(folder, { recursive: true });
  };
  return { close, take };
}

test('an address that was given back is the last to be taken again', () => {
  const { close, take } = place();
  const first = take();
  assert.equal(first.ip, '10.1.2.2');
  first.giveBack();
  const taken = [take(), take(), take(), take(), take()].map(({ ip }) => ip);
  assert.deepEqual(taken, ['10.1.2.3', '10.1.2.4', '10.1.2.5', '10.1.2.6', '10.1.2.2']);
  assert.throws(() => take(), { code: 'no_free_address' });
  close();
});

test('a wanted address must be free and one of the network', () => {
  const { close, take } = place();
  assert.equal(take('10.1.2.5').ip, '10.1.2.5');
  for (const wanted of ['10.1.2.5', '10.1.2.1']) assert.throws(() => take(wanted), { code: 'address_in_use' });
  for (const wanted of ['10.1.3.5', 'x', '10.1.2', '::1'])
    assert.throws(() => take(wanted), { code: 'invalid_address' }, wanted);
  assert.equal(take().ip, '10.1.2.2');
  close();
});
