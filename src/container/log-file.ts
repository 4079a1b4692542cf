/**
 * conmon's log file (its `k8s-file` driver). A line is `TIME STREAM TAG TEXT`, tag `F` for a whole line, `P` for a part
 * without its newline; so the bytes of the process can be put together again exactly.
 */

import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { LogChunk } from './types.ts';

const newline = 0x0a;
const space = 0x20;

export interface FollowOptions {
  /** Byte position to begin at. */
  readonly from: number;
  /** Whether the writer is done; asked after everything so far was read. */
  readonly ended: () => boolean;
  /** Calls back when `ended` may have changed; returns how to stop that. */
  readonly onWake: (wake: () => void) => () => void;
  readonly signal?: AbortSignal;
}

/** The records from a position on, as they are written, until the writer is done. */
export async function* followLog(path: string, options: FollowOptions): AsyncGenerator<LogChunk> {
  const file = await open(path, 'r');
  let waiting: (() => void) | undefined;
  let woken = false;
  const wake = () => {
    woken = true;
    waiting?.();
  };
  const watcher = watch(path, wake);
  const offWake = options.onWake(wake);
  options.signal?.addEventListener('abort', wake);
  try {
    const reader = createReader(file, options.from);
    while (!options.signal?.aborted) {
      woken = false;
      // Asked before reading: what was written until the end must be read, too.
      const done = options.ended();
      yield* reader.available();
      if (done) return;
      if (woken) continue;
      await new Promise<void>((resolve) => {
        waiting = resolve;
        if (woken) resolve();
        setTimeout(resolve, 1000).unref();
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

/** Everything that is in the file now. */
export async function* readLog(path: string): AsyncGenerator<LogChunk> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return;
  try {
    yield* createReader(file, 0).available();
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

function createReader(file: FileHandle, from: number): { available(): AsyncGenerator<LogChunk> } {
  const buffer = Buffer.allocUnsafe(256 * 1024);
  let position = from;
  let rest: Buffer = Buffer.alloc(0);
  return {
    async *available() {
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
        let at = 0;
        for (let end = data.indexOf(newline, at); end >= 0; end = data.indexOf(newline, at)) {
          const chunk = parseRecord(data.subarray(at, end + 1));
          if (chunk) yield chunk;
          at = end + 1;
        }
        rest = Buffer.from(data.subarray(at));
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
