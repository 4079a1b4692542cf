import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { native } from './libc.ts';

/** `mallopt(3)`: parameters of glibc. */
const trimThreshold = -1;
const mmapThreshold = -3;
const arenaMax = -8;

/**
 * Large pieces of memory go back to the system as soon as they are free, and threads share two arenas. By default glibc
 * keeps what was once in use, for each thread: a daemon that moved layers held hundreds of megabytes ever after. To be
 * called before threads start. Other C libraries know no such settings.
 */
export function returnFreedMemory(): void {
  try {
    const mallopt = native('mallopt', 'int', ['int', 'int']);
    mallopt(arenaMax, 2);
    mallopt(mmapThreshold, 256 * 1024);
    mallopt(trimThreshold, 256 * 1024);
  } catch {
    // musl: it has nothing to set, and keeps nothing.
  }
}

/**
 * Gives the memory of a buffer back at once: whoever was handed `bytes` and is done with them says so. The JavaScript heap
 * sees little of buffers, and lets tens of megabytes of used ones gather. Reading the end of a buffer says that all of it
 * was read; a buffer of which another part may still be wanted, or that others have parts of, stays.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.byteOffset + bytes.length === buffer.byteLength) releaseBuffer(buffer);
}

/** As {@link release}, whatever part of it was read. */
export function releaseBuffer(buffer: ArrayBufferLike): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.detached) return;
  try {
    buffer.transfer(0);
  } catch {
    // Node's pool of small buffers.
  }
}

/** Passes chunks on, each good until the next is asked for, and gives their memory back. */
export async function* lend(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    yield chunk;
    release(chunk);
  }
}

let collect: Collect | undefined;
let passed = 0;
let cleaned = 0;

/**
 * For loops that pass on megabytes: told of the bytes, it lets go of young garbage after every 8 MiB of all such loops of
 * the thread. Buffers lie outside of the JavaScript heap, which sees little reason to collect while they pile up; one such
 * collection takes about a millisecond.
 */
export function sweep(bytes: number): void {
  passed += bytes;
  if (passed < 8 * 2 ** 20) return;
  passed = 0;
  collect ??= collector();
  collect({ type: 'minor' });
}

/**
 * For a thread that has done a piece of work and may now wait for long: gives the room of its garbage back, if its heap has
 * grown by more than a little. Nobody else would: a thread that does nothing collects nothing. Takes about ten milliseconds.
 */
export function clean(): void {
  if (getHeapStatistics().total_heap_size < cleaned + 10 * 2 ** 20) return;
  collect ??= collector();
  collect({ type: 'major', flavor: 'last-resort' });
  cleaned = getHeapStatistics().total_heap_size;
}

/**
 * For a process that has worked and now waits: collects this thread's garbage, and gives back what lies free between pieces
 * in use, of all threads. Takes some ten milliseconds.
 */
export function settle(): void {
  collect ??= collector();
  collect({ type: 'major' });
  try {
    native('malloc_trim', 'int', ['size_t'])(0);
  } catch {
    // musl: it has no such function.
  }
}

type Collect = (
  options: { readonly type: 'minor' } | { readonly type: 'major'; readonly flavor?: 'last-resort' },
) => void;

function collector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}
