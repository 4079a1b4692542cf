import { randomBytes } from 'node:crypto';
import type { BlobInfo, ByteStream, ContentStore, Ingest } from '../content/index.ts';

/** Sockets give some kilobytes at a time; a file is written in larger pieces. */
const blockBytes = 1 << 20;

/** Keeps streams as blobs, one after another, whatever their digests turn out to be. */
export interface Spool {
  store(source: ByteStream, signal?: AbortSignal): Promise<BlobInfo & { readonly head: Uint8Array }>;
}

export function createSpool(content: ContentStore): Spool {
  // While one is written the other is filled.
  const blocks: [Buffer, Buffer] = [Buffer.allocUnsafeSlow(blockBytes), Buffer.allocUnsafeSlow(blockBytes)];

  async function copy(source: ByteStream, ingest: Ingest, signal: AbortSignal | undefined): Promise<Uint8Array> {
    let head: Uint8Array = new Uint8Array(0);
    let used = 0;
    let writing: Promise<void> = Promise.resolve();
    const flush = async () => {
      await writing;
      writing = ingest.write(blocks[0].subarray(0, used));
      // Told of when the next block is due.
      writing.catch(() => {});
      blocks.reverse();
      used = 0;
    };
    for await (const chunk of source) {
      signal?.throwIfAborted();
      if (head.length < 6) head = Buffer.concat([head, chunk.subarray(0, 8)]);
      for (let at = 0; at < chunk.length; ) {
        const count = Math.min(chunk.length - at, blockBytes - used);
        blocks[0].set(chunk.subarray(at, at + count), used);
        used += count;
        at += count;
        if (used === blockBytes) await flush();
      }
    }
    if (used > 0) await flush();
    await writing;
    return head;
  }

  return {
    async store(source, signal) {
      const ingest = await content.ingest(`spool-${randomBytes(8).toString('hex')}`);
      try {
        const head = await copy(source, ingest, signal);
        return { ...(await ingest.commit({})), head };
      } catch (error) {
        await ingest.abort();
        throw error;
      }
    },
  };
}
