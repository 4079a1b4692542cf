/**
 * conmon's log file (its `k8s-file` driver). A line is `TIME STREAM TAG TEXT`, tag `F` for a whole line, `P` for a part
 * without its newline; so the bytes of the process can be put together again exactly. Past its size limit the file is
 * begun anew under the same name.
 */

import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LogChunk } from '../types.ts';

const newline = 0x0a;
const space = 0x20;
const blockSize = 256 * 1024;
/** Looks again after this time even when nothing was heard: a watch can be lost. */
const pollMs = 1000;

export interface FollowOptions {
  /** Byte position to begin at. */
  readonly from: number;
  /** Whether the writer is done; asked before the last look. */
  readonly ended: () => boolean;
  /** Calls back when `ended` may have changed; returns how to stop that. */
  readonly onWake: (wake: () => void) => () => void;
  readonly signal?: AbortSignal;
}

/** The records from a position on, as they are written, until the writer is done. */
export async function* followLog(path: string, options: FollowOptions): AsyncGenerator<LogChunk> {
  for await (const chunks of followBatches(path, options)) yield* chunks;
}

/** As {@link followLog}, what was there at once together: never empty. */
export async function* followBatches(path: string, options: FollowOptions): AsyncGenerator<readonly LogChunk[]> {
  let file = await open(path, 'r').catch(() => undefined);
  if (!file) return;
  let waiting: (() => void) | undefined;
  let woken = false;
  const wake = () => {
    woken = true;
    waiting?.();
  };
  // The folder, since a file that is begun anew is another file.
  const watcher = watch(dirname(path), wake).on('error', () => {});
  const offWake = options.onWake(wake);
  options.signal?.addEventListener('abort', wake);
  try {
    let reader = createReader(file, options.from);
    while (!options.signal?.aborted) {
      woken = false;
      // Asked before reading: what was written until the end must be read, too.
      const done = options.ended();
      yield* reader.available();
      const next = await successor(path, file);
      if (next) {
        yield* reader.available();
        await file.close();
        file = next;
        reader = createReader(file, 0);
        continue;
      }
      if (done) return;
      if (woken) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollMs);
        waiting = () => {
          clearTimeout(timer);
          resolve();
        };
        if (woken) waiting();
      });
      waiting = undefined;
    }
  } finally {
    watcher.close();
    offWake();
    options.signal?.removeEventListener('abort', wake);
    await file.close();
  }
}

/** The file that took the place of `file`, opened. */
async function successor(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  const [now, own] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  if (!now || now.ino === own.ino) return undefined;
  return await open(path, 'r').catch(() => undefined);
}

/** The records between two positions; what is there now where `end` is not given. */
export async function* readLog(path: string, from = 0, end = Number.POSITIVE_INFINITY): AsyncGenerator<LogChunk> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return;
  try {
    for await (const chunks of createReader(file, from, end).available()) yield* chunks;
  } finally {
    await file.close();
  }
}

export async function logSize(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Where the last `count` lines of the first `end` bytes begin, found from the end. */
export async function tailStart(path: string, count: number, end: number): Promise<number> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return 0;
  try {
    let whole = 0;
    let rest: Buffer = Buffer.alloc(0);
    for (let at = end; at > 0; ) {
      const length = Math.min(blockSize, at);
      const block = Buffer.alloc(length);
      at -= length;
      await file.read(block, 0, length, at);
      const data = Buffer.concat([block, rest]);
      // The first record of a block may be cut: it waits for the block before.
      const first = at === 0 ? -1 : data.indexOf(newline);
      if (at > 0 && first < 0) {
        rest = data;
        continue;
      }
      for (let stop = data.length; stop > first + 1; ) {
        const start = stop < 2 ? 0 : data.lastIndexOf(newline, stop - 2) + 1;
        if (isWhole(data.subarray(start, stop)) && ++whole > count) return at + stop;
        stop = start;
      }
      rest = Buffer.from(data.subarray(0, first + 1));
    }
    return 0;
  } finally {
    await file.close();
  }
}

function isWhole(record: Buffer): boolean {
  const tag = record.indexOf(space, record.indexOf(space) + 1) + 1;
  return tag > 1 && record[tag] === 0x46;
}

function createReader(file: FileHandle, from: number, end = Number.POSITIVE_INFINITY) {
  const buffer = Buffer.allocUnsafe(blockSize);
  let position = from;
  let rest: Buffer = Buffer.alloc(0);
  return {
    async *available(): AsyncGenerator<readonly LogChunk[]> {
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - position), position);
        if (bytesRead === 0) return;
        position += bytesRead;
        const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
        const chunks: LogChunk[] = [];
        let at = 0;
        for (let stop = data.indexOf(newline, at); stop >= 0; stop = data.indexOf(newline, at)) {
          const chunk = parseRecord(data.subarray(at, stop + 1));
          if (chunk) chunks.push(chunk);
          at = stop + 1;
        }
        rest = Buffer.from(data.subarray(at));
        if (chunks.length > 0) yield chunks;
      }
    },
  };
}

/** One record with its newline; undefined for a line that is none. */
function parseRecord(line: Buffer): LogChunk | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  const third = line.indexOf(space, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.toString('latin1', first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const partial = line[second + 1] === 0x50;
  return {
    stream,
    time: line.toString('latin1', 0, first),
    data: line.subarray(third + 1, partial ? -1 : line.length),
  };
}
