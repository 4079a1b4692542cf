import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { algorithm, type Digest, encoded, isDigest, sha256 } from '../oci/index.ts';
import { fsyncDir } from '../sys/index.ts';
import { ingestFile, openIngest, sweepIngests } from './ingest.ts';
import { openLayout } from './layout.ts';
import type { BlobInfo, ContentStore } from './types.ts';
import { verified } from './verify.ts';

export interface ContentOptions {
  /** Folder of the OCI layout, made where absent. */
  readonly root: string;
  /** Folder of unfinished writes, on the same file system. */
  readonly ingestRoot: string;
}

const documentLimit = 8 * 1024 * 1024;

/**
 * A content store on disk, one process at a time. Opening it makes the layout's files where they are absent and removes
 * unfinished writes of an earlier process. Both folders are for root alone: images hold what their makers put there.
 */
export async function createContentStore(options: ContentOptions): Promise<ContentStore> {
  const { root, ingestRoot } = options;
  const blobs = join(root, 'blobs');
  await mkdir(join(blobs, 'sha256'), { recursive: true });
  await mkdir(ingestRoot, { recursive: true });
  for (const folder of [root, ingestRoot]) await chmod(folder, 0o700);
  await sweepIngests(ingestRoot);
  const layout = await openLayout(root);
  const writers = new Set<string>();
  let puts = 0;
  /** What a damaged row calls a digest is no blob's, and no path. */
  const pathOf = (digest: Digest) =>
    isDigest(digest) ? join(blobs, algorithm(digest), encoded(digest)) : join(blobs, 'sha256', '.damaged');

  async function statBlob(digest: Digest): Promise<BlobInfo | undefined> {
    try {
      return { digest, size: (await stat(pathOf(digest))).size };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async function required(digest: Digest): Promise<BlobInfo> {
    const info = await statBlob(digest);
    if (!info) throw new StrataError('not_found', `content ${digest} is not in the store`, { code: 'blob_not_found' });
    return info;
  }

  /** Whether the document is there as it should be; one that is not makes room for the right one. */
  async function isWhole(digest: Digest, size: number): Promise<boolean> {
    if ((await statBlob(digest))?.size !== size) return false;
    const have = await readFile(pathOf(digest));
    if (sha256(have) === digest) return true;
    await rm(pathOf(digest), { force: true });
    return false;
  }

  /** The order that survives a crash at any point: bytes on disk, then the name, then the folder that holds the name. */
  async function place(file: string, digest: Digest, size: number): Promise<BlobInfo> {
    const target = pathOf(digest);
    await mkdir(dirname(target), { recursive: true });
    await rename(file, target);
    fsyncDir(dirname(target));
    return { digest, size };
  }

  const store: ContentStore = {
    root,
    stat: statBlob,
    async path(digest) {
      await required(digest);
      return pathOf(digest);
    },
    async read(digest, { limit = documentLimit } = {}) {
      const { size } = await required(digest);
      if (size > limit)
        throw new StrataError(
          'invalid_argument',
          `content ${digest} has ${size} bytes, more than the ${limit} that are read at once`,
          { code: 'blob_too_large' },
        );
      const bytes = await readFile(pathOf(digest));
      if (createHash(algorithm(digest)).update(bytes).digest('hex') !== encoded(digest)) throw damaged(digest);
      return bytes;
    },
    async put(bytes, mediaType) {
      const digest = sha256(bytes);
      if (!(await isWhole(digest, bytes.length))) {
        const ingest = await store.ingest(`put ${digest} ${++puts}`);
        try {
          await ingest.write(bytes);
          await ingest.commit({ digest, size: bytes.length });
        } catch (error) {
          await ingest.abort();
          throw error;
        }
      }
      return { mediaType, digest, size: bytes.length };
    },
    async fetch(target, { signal, offset = 0 } = {}) {
      const { size } = await required(target.digest);
      if (size !== target.size) throw damaged(target.digest);
      signal?.throwIfAborted();
      const stream = bytesOf(pathOf(target.digest), offset, signal);
      return offset === 0 ? verified(stream, target) : stream;
    },
    async ingest(ref, { resume = false } = {}) {
      if (writers.has(ref))
        throw new StrataError('conflict', `${ref} is being written already`, { code: 'ingest_busy' });
      writers.add(ref);
      const release = () => void writers.delete(ref);
      try {
        const file = ingestFile(ingestRoot, ref, resume);
        return await openIngest({ file, resume, place, stat: statBlob, release });
      } catch (error) {
        release();
        throw error;
      }
    },
    async adopt(file, digest, size) {
      const have = await statBlob(digest);
      if (have?.size === size) {
        await rm(file, { force: true });
        return have;
      }
      const handle = await open(file, 'r');
      try {
        if ((await handle.stat()).size !== size) throw damaged(digest);
        await handle.sync();
      } finally {
        await handle.close();
      }
      return await place(file, digest, size);
    },
    async delete(digest) {
      await rm(pathOf(digest), { force: true });
    },
    async *list() {
      for (const kind of await readdir(blobs)) {
        for (const name of await readdir(join(blobs, kind))) {
          const digest = `${kind}:${name}`;
          if (!isDigest(digest)) continue;
          const info = await statBlob(digest);
          if (info) yield info;
        }
      }
    },
    writeIndex: layout.writeIndex,
  };
  return store;
}

/** The file is opened when the first byte is asked for: a stream that nobody comes to read holds no descriptor. */
async function* bytesOf(file: string, start: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  yield* createReadStream(file, { highWaterMark: 1 << 20, start, ...(signal && { signal }) }) as AsyncIterable<Buffer>;
}

function damaged(digest: Digest): StrataError {
  return new StrataError('data_loss', `content ${digest} is damaged in the store`, {
    code: 'blob_damaged',
    hint: 'remove the image that uses it and pull or build it again',
  });
}
