import { createHash } from 'node:crypto';
import { close, createReadStream, fdatasync, fsync, open, write } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StrataError } from '../errors/index.ts';
import { algorithm, type Digest, encoded, sha256 } from '../oci/index.ts';
import { sweep } from '../sys/index.ts';
import type { BlobInfo, Ingest } from './types.ts';

// Plain descriptors: Node ends the process when a FileHandle that somebody forgot is collected.
const [openFile, closeFile, writeFile, syncData, syncFile] = [
  promisify(open),
  promisify(close),
  promisify(write),
  promisify(fdatasync),
  promisify(fsync),
];

/** The disk is put to work after so many bytes, so that little is left for the end. */
const syncEvery = 32 * 2 ** 20;

/** How long an interrupted ingest waits to be taken up again. */
const keptMilliseconds = 24 * 3600 * 1000;

/** The file of an ingest: only those that can be resumed mean anything to a later process. */
export function ingestFile(folder: string, ref: string, resume: boolean): string {
  return join(folder, `${resume ? 'resume' : 'write'}-${encoded(sha256(ref))}`);
}

/** Removes what a dead process left and nobody will take up again. */
export async function sweepIngests(folder: string): Promise<void> {
  const now = Date.now();
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const fresh = name.startsWith('resume-') && now - (await stat(file)).mtimeMs < keptMilliseconds;
    if (!fresh) await rm(file, { recursive: true, force: true });
  }
}

export interface IngestParts {
  readonly file: string;
  readonly resume: boolean;
  /** Gives a complete file its digest's name. */
  readonly place: (file: string, digest: Digest, size: number) => Promise<BlobInfo>;
  readonly stat: (digest: Digest) => Promise<BlobInfo | undefined>;
  /** Lets the next writer of the same ref begin. */
  readonly release: () => void;
}

/** Writes go to the file, and the digest is computed on the way. */
export async function openIngest(parts: IngestParts): Promise<Ingest> {
  const { file, resume } = parts;
  const hash = createHash('sha256');
  let size = 0;
  if (resume) {
    for await (const chunk of readIfThere(file)) {
      hash.update(chunk);
      size += chunk.length;
    }
  }
  const fd = await openFile(file, resume ? 'a' : 'w', 0o600);
  let isOpen = true;
  /** The write under way: a descriptor is closed only when nothing uses it, since its number is soon another file's. */
  let writing: Promise<unknown> = Promise.resolve();
  let syncing: Promise<unknown> | undefined;
  let unsynced = 0;

  /** Starts to bring what was written to the disk, unless that is under way. */
  function syncAhead(written: number): void {
    unsynced += written;
    if (syncing || unsynced < syncEvery) return;
    unsynced = 0;
    syncing = syncData(fd)
      // What fails here fails again when the whole file is synced.
      .catch(() => {})
      .finally(() => {
        syncing = undefined;
      });
  }

  async function end(): Promise<void> {
    if (!isOpen) return;
    isOpen = false;
    try {
      await Promise.all([writing.catch(() => {}), syncing]);
      await closeFile(fd);
    } finally {
      parts.release();
    }
  }

  /** The digest under which the content is asked for: the file is read again for any algorithm but the usual one. */
  async function digestFor(expected: Digest | undefined): Promise<Digest> {
    if (expected === undefined || algorithm(expected) === 'sha256') return `sha256:${hash.digest('hex')}` as Digest;
    const other = createHash(algorithm(expected));
    for await (const chunk of readIfThere(file)) other.update(chunk);
    return `${algorithm(expected)}:${other.digest('hex')}` as Digest;
  }

  return {
    get offset() {
      return size;
    },
    async write(chunk) {
      if (!isOpen) throw new Error('this ingest has ended');
      hash.update(chunk);
      size += chunk.length;
      sweep(chunk.length);
      const step = writing.then(() => writeAll(fd, chunk));
      writing = step;
      await step;
      syncAhead(chunk.length);
    },
    async commit(expected) {
      try {
        await writing;
        if (expected.size !== undefined && expected.size !== size) {
          throw new StrataError('data_loss', `${size} bytes came where ${expected.size} were announced`, {
            code: 'size_mismatch',
          });
        }
        const digest = await digestFor(expected.digest);
        if (expected.digest !== undefined && expected.digest !== digest) {
          throw new StrataError(
            'data_loss',
            `the content has digest ${digest} where ${expected.digest} was announced`,
            { code: 'digest_mismatch' },
          );
        }
        const have = await parts.stat(digest);
        if (have?.size === size) {
          await rm(file, { force: true });
          return have;
        }
        await syncFile(fd);
        return await parts.place(file, digest, size);
      } catch (error) {
        await rm(file, { force: true });
        throw error;
      } finally {
        await end();
      }
    },
    async abort() {
      if (!isOpen) return;
      await end();
      if (!resume) await rm(file, { force: true });
    },
  };
}

async function writeAll(fd: number, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await writeFile(fd, chunk, at)).bytesWritten;
}

async function* readIfThere(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
