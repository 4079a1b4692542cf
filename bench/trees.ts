/** Files for contexts and layers. */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Small files of 100 to 1,100 bytes, 100 a folder. */
export function smallFiles(dir: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const folder = join(dir, `d${Math.floor(i / 100)}`);
    if (i % 100 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${i % 100}`), `${i} `.repeat(1 + (i % 180)).slice(0, 100 + (i % 1000)));
  }
}

/** A file of `mebibytes`; of each 64 KiB the part `noise` is random, the rest is text that compresses well. */
export function bigFile(path: string, mebibytes: number, noise = 1): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'w');
  const block = 64 << 10;
  const chunk = randomBytes(16 << 20);
  const text = Buffer.from('The quick brown fox jumps over the lazy dog, line after line.\n'.repeat(1100));
  for (let at = 0; at < chunk.length; at += block)
    text.copy(chunk, at + Math.ceil(block * noise), 0, block * (1 - noise));
  for (let left = mebibytes << 20, i = 0; left > 0; left -= chunk.length, i++) {
    for (let at = 0; at < chunk.length; at += block) chunk.writeUInt32LE(i, at);
    writeSync(file, chunk, 0, Math.min(left, chunk.length));
  }
  closeSync(file);
}
