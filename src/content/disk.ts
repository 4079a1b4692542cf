import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { algorithm, type Descriptor, type Digest, encoded, isDigest, sha256 } from '../oci/index.ts';
import { fsyncDir } from '../sys/index.ts';
import type { BlobInfo, ByteStream, ContentStore, Ingest } from './types.ts';
import { verified } from './verify.ts';

export interface ContentOptions {
  /** Folder of the OCI layout, made where absent. */
  readonly root: string;
  /** Folder of unfinished writes, on the same file system. */
  readonly ingestRoot: string;
}

const documentLimit = 8 * 1024 * 1024;

/** A content store on disk. Opening it makes the layout's files where they are absent. */
export async function createContentStore(options: ContentOptions): Promise<ContentStore> {
  const { root, ingestRoot } = options;
  const blobs = join(root, 'blobs');
  await mkdir(join(blobs, 'sha256'), { recursive: true });
  await mkdir(ingestRoot, { recursive: true, mode: 0o700 });
  await writeOnce(join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeOnce(join(root, 'index.json'), indexText([]));
  const writers = new Set<string>();
  let indexWritten: Promise<unknown> = Promise.resolve();
  const pathOf = (digest: Digest) => join(blobs, algorithm(digest), encoded(digest));

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
        );
      const bytes = await readFile(pathOf(digest));
      if (algorithm(digest) === 'sha256' && sha256(bytes) !== digest) throw damaged(digest);
      return bytes;
    },
    async put(bytes, mediaType) {
      const digest = sha256(bytes);
      if (!(await statBlob(digest))) {
        const ingest = await store.ingest(`put-${encoded(digest)}-${process.hrtime.bigint()}`);
        await ingest.write(bytes);
        await ingest.commit({ digest, size: bytes.length });
      }
      return { mediaType, digest, size: bytes.length };
    },
    async fetch(target, { signal, offset = 0 } = {}) {
      const { size } = await required(target.digest);
      if (size !== target.size) throw damaged(target.digest);
      const stream = createReadStream(pathOf(target.digest), {
        highWaterMark: 1 << 20,
        start: offset,
        ...(signal && { signal }),
      }) as unknown as ByteStream;
      return offset === 0 ? verified(stream, target) : stream;
    },
    async ingest(ref, { resume = false } = {}) {
      if (writers.has(ref))
        throw new StrataError('conflict', `${ref} is being written already`, { code: 'ingest_busy' });
      writers.add(ref);
      const file = join(ingestRoot, encoded(sha256(ref)));
      try {
        return await openIngest(file, resume, place, statBlob, () => writers.delete(ref));
      } catch (error) {
        writers.delete(ref);
        throw error;
      }
    },
    async adopt(file, digest, size) {
      const have = await statBlob(digest);
      if (have) {
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
    async writeIndex(manifests) {
      const file = join(root, 'index.json');
      // One after another: the last call's entries are the ones that stay.
      const write = indexWritten.then(async () => {
        await writeFile(`${file}.part`, indexText(manifests), { flush: true });
        await rename(`${file}.part`, file);
      });
      indexWritten = write.catch(() => {});
      await write;
    },
  };
  return store;
}

/** Writes go to `file`; the digest is computed on the way. */
async function openIngest(
  file: string,
  resume: boolean,
  place: (file: string, digest: Digest, size: number) => Promise<BlobInfo>,
  statBlob: (digest: Digest) => Promise<BlobInfo | undefined>,
  release: () => void,
): Promise<Ingest> {
  const hash = createHash('sha256');
  let size = 0;
  if (resume) {
    for await (const chunk of await readIfThere(file)) {
      hash.update(chunk);
      size += chunk.length;
    }
  }
  const handle: FileHandle = await open(file, resume ? 'a' : 'w', 0o600);
  let open_ = true;
  const close = async () => {
    if (!open_) return;
    open_ = false;
    await handle.close();
    release();
  };
  return {
    offset: size,
    async write(chunk) {
      await handle.writeFile(chunk);
      hash.update(chunk);
      size += chunk.length;
    },
    async commit(expected) {
      const digest = `sha256:${hash.digest('hex')}` as Digest;
      try {
        if (expected.size !== undefined && expected.size !== size) {
          throw new StrataError('data_loss', `${size} bytes came where ${expected.size} were announced`, {
            code: 'size_mismatch',
          });
        }
        if (expected.digest !== undefined && expected.digest !== digest) {
          throw new StrataError(
            'data_loss',
            `the content has digest ${digest} where ${expected.digest} was announced`,
            { code: 'digest_mismatch' },
          );
        }
        const have = await statBlob(digest);
        if (have) {
          await rm(file, { force: true });
          return have;
        }
        await handle.sync();
        return await place(file, digest, size);
      } catch (error) {
        await rm(file, { force: true });
        throw error;
      } finally {
        await close();
      }
    },
    async abort() {
      await close();
      if (!resume) await rm(file, { force: true });
    },
  };
}

async function* readIfThere(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function writeOnce(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function indexText(manifests: readonly Descriptor[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests });
}

function damaged(digest: Digest): StrataError {
  return new StrataError('data_loss', `content ${digest} is damaged in the store`, {
    code: 'blob_damaged',
    hint: 'remove the image that uses it and pull or build it again',
  });
}
