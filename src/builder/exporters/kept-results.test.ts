import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostPlatform } from '../../oci/index.ts';
import { Held } from '../cache/held.ts';
import { KeptResults } from './kept-results.ts';

test('a result is kept until its end, and not beyond it', () => {
  const held = new Held();
  const results = new KeptResults(held);
  const root = { kind: 'root', id: 'a', snapshot: null, fresh: false, createdAt: null } as const;
  const built = [{ root, platform: hostPlatform(), stage: {} as never }];
  const until = new AbortController();
  const id = results.keep({ built, labels: {}, epoch: undefined }, until.signal)!;
  assert.equal(results.find(id, hostPlatform()).built.root, root);
  assert.throws(() => results.find(id, { os: 'plan9', architecture: 'mips' }), /nothing for plan9\/mips/);
  assert.deepEqual([...held.ids()], ['a']);
  until.abort();
  assert.deepEqual([...held.ids()], []);
  assert.throws(() => results.find(id, hostPlatform()), /not kept any more/);
  assert.equal(results.keep({ built, labels: {}, epoch: undefined }, until.signal), undefined);
  assert.deepEqual([...held.ids()], []);
});
