import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { binaryFrame, createFrameReader } from './websocket-frames.ts';

/** As a client sends it: with a mask. */
function masked(data: Buffer, first = 0x82): Buffer {
  const plain = binaryFrame(data);
  const head = plain.subarray(0, plain.length - data.length);
  const mask = randomBytes(4);
  const covered = Buffer.from(data.map((byte, i) => byte ^ mask[i % 4]!));
  return Buffer.concat([Buffer.from([first, head[1]! | 0x80]), head.subarray(2), mask, covered]);
}

test('frames of every size are read, however they are cut', () => {
  for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
    const data = randomBytes(size);
    const bytes = Buffer.concat([masked(data), masked(Buffer.from('next'))]);
    const read = createFrameReader();
    const step = Math.max(1, Math.floor(bytes.length / 7));
    const frames = [];
    for (let at = 0; at < bytes.length; at += step) frames.push(...read(bytes.subarray(at, at + step)));
    assert.equal(frames.length, 2);
    assert.ok(frames[0]!.data.equals(data));
    assert.equal(frames[1]!.data.toString(), 'next');
  }
});

test('pings and ends are told from data', () => {
  const read = createFrameReader();
  const kinds = [0x81, 0x89, 0x8a, 0x88].flatMap((first) => read(masked(Buffer.from('x'), first)));
  assert.deepEqual(
    kinds.map(({ kind }) => kind),
    ['data', 'ping', 'pong', 'close'],
  );
});

test('what no client may send is refused', () => {
  const refused = (bytes: Buffer) => assert.throws(() => createFrameReader()(bytes), { kind: 'invalid_argument' });
  refused(binaryFrame(Buffer.from('no mask')));
  refused(Buffer.from([0x83, 0x80]));
  refused(Buffer.from([0xf2, 0x80]));
  refused(Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0]), Buffer.alloc(4)]));
});
