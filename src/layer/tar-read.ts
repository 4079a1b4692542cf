import { textOf } from '../sys/index.ts';
import type { TarHeader } from './tar-header.ts';
import { TarParser } from './tar-parser.ts';

export interface TarEntry {
  /** Paths are text (UTF-8). */
  readonly header: TarHeader;
  /** The content, holes as zeros. What the reader leaves unread is skipped when the next entry is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
}

type Event = TarHeader | Uint8Array | number | null;

const zeros = new Uint8Array(65536);

/**
 * The entries of an uncompressed archive, streaming. One entry's body can be read only until the next entry is taken.
 * Throws `invalid_argument` (code `invalid_archive`) for what is no tar, is cut off or contradicts itself.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry, void, undefined> {
  const events = tarEvents(source);
  try {
    for (;;) {
      const { value, done } = await events.next();
      if (done) return;
      if (!isHeader(value)) continue;
      yield { header: { ...value, path: textOf(value.path), link: textOf(value.link) }, body: body(events) };
    }
  } finally {
    await events.return();
  }
}

async function* body(events: AsyncGenerator<Event, void, undefined>): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const { value, done } = await events.next();
    if (done || value === null) return;
    if (value instanceof Uint8Array) yield value;
    else if (typeof value === 'number') {
      for (let left = value; left > 0; left -= zeros.length) yield zeros.subarray(0, Math.min(left, zeros.length));
    }
  }
}

function isHeader(event: Event | undefined): event is TarHeader {
  return typeof event === 'object' && event !== null && 'path' in event;
}

/** A header, then bytes and lengths of holes, then null; and again. */
async function* tarEvents(source: AsyncIterable<Uint8Array>): AsyncGenerator<Event, void, undefined> {
  let queue: Event[] = [];
  const parser = new TarParser({
    entry: (header) => queue.push(header),
    data: (chunk) => queue.push(chunk),
    hole: (length) => queue.push(length),
    end: () => queue.push(null),
  });
  for await (const chunk of source) {
    parser.push(chunk);
    const ready = queue;
    queue = [];
    yield* ready;
  }
  parser.finish();
  yield* queue;
}
