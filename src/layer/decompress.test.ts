import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { decompress } from './decompress.ts';

const plain = randomBytes(3 * 2 ** 20 + 7);
const packed = {
  none: plain,
  gzip: gzipSync(plain, { level: 1 }),
  zstd: zstdCompressSync(plain),
  xz: execFileSync('xz', ['-0', '-c'], { input: plain, maxBuffer: 2 ** 24 }),
  bzip2: execFileSync('bzip2', ['-1', '-c'], { input: plain, maxBuffer: 2 ** 24 }),
};

/** Hands out one buffer again and again, at first with less in it than tells what it is. */
async function* refilled(bytes: Uint8Array) {
  const piece = Buffer.allocUnsafeSlow(100_000);
  for (let at = 0, size = 4; at < bytes.length; at += size, size = at < 8 ? 4 : piece.length) {
    const part = bytes.subarray(at, at + size);
    piece.set(part);
    yield piece.subarray(0, part.length);
    piece.fill(0xee);
  }
}

test('a source may fill its buffer again when the next chunk is asked for', async () => {
  for (const [kind, bytes] of Object.entries(packed)) {
    const parts: Uint8Array[] = [];
    for await (const chunk of decompress(refilled(bytes), 'detect')) parts.push(Buffer.from(chunk));
    assert.ok(Buffer.concat(parts).equals(plain), kind);
  }
});

test('what is lent takes no memory when the next chunk is asked for', async () => {
  for (const kind of ['gzip', 'zstd'] as const) {
    const buffers = new Set<ArrayBufferLike>();
    const held = () => [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
    let total = 0;
    for await (const chunk of decompress(refilled(packed[kind]), kind, { lent: true })) {
      assert.ok(held() <= 2 ** 20, `${kind}: ${held()} bytes`);
      buffers.add(chunk.buffer);
      total += chunk.length;
    }
    assert.equal(total, plain.length);
  }
});

test('a failing source, and a consumer that leaves, end the source', async () => {
  for (const kind of ['gzip', 'xz'] as const) {
    let ended = 0;
    const source = async function* (failing: boolean) {
      try {
        yield* refilled(packed[kind].subarray(0, packed[kind].length - 1000));
        if (failing) throw new Error('the wire is cut');
      } finally {
        ended++;
      }
    };
    await assert.rejects(async () => {
      for await (const _ of decompress(source(true), kind));
    }, /the wire is cut/);
    for await (const _ of decompress(source(false), kind)) break;
    await new Promise(setImmediate);
    assert.equal(ended, 2, kind);
  }
});
