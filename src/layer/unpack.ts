import { createHash } from 'node:crypto';
import { closeSync, constants } from 'node:fs';
import { StrataError } from '../errors/index.ts';
import type { DiffID } from '../oci/index.ts';
import { openat, statInRoot, textOf } from '../sys/index.ts';
import { decompress } from './decompress.ts';
import { readSource } from './file-source.ts';
import type { JobContext } from './jobs.ts';
import { Allowance } from './limits.ts';
import { TarParser } from './tar-parser.ts';
import { type Implied, TreeWriter } from './tree-writer.ts';
import type { LayerFile, Unpacked, UnpackOptions } from './types.ts';

const { O_DIRECTORY, O_RDONLY } = constants;

/** Decompresses, hashes and extracts a layer in one pass. */
export async function unpackLayer(
  folder: string,
  options: UnpackOptions,
  context: JobContext,
  file?: LayerFile,
): Promise<Unpacked> {
  const allowance = new Allowance(options);
  const root = openat(-100, folder, O_RDONLY | O_DIRECTORY);
  const lowers = (options.parents ?? []).map((path) => openat(-100, path, O_RDONLY | O_DIRECTORY));
  let hasImplied = false;
  const writer = new TreeWriter({
    root,
    start: '',
    allowance,
    whiteouts: true,
    userXattrs: true,
    keepKinds: false,
    impliedFolder(path: string) {
      hasImplied ||= options.parents === undefined;
      return coveredFolder(lowers, path);
    },
  });
  try {
    const hash = createHash('sha256');
    const own = file && readSource(file, (bytes) => context.tell(bytes));
    const source = own ?? context.source;
    const tarSize = await feed(writer, options.compression, allowance, source, (chunk) => {
      context.check();
      hash.update(chunk);
    });
    const diffID = `sha256:${hash.digest('hex')}` as DiffID;
    if (options.expect !== undefined && options.expect !== diffID) {
      throw new StrataError('data_loss', `wrong diff id calculated on extraction "${diffID}"`, {
        code: 'wrong_diff_id',
        hint: `the image names ${options.expect} for this layer`,
      });
    }
    return { diffID, tarSize, contentSize: writer.contentSize, entries: writer.entries, hasImplied };
  } finally {
    writer.close();
    closeSync(root);
    for (const lower of lowers) closeSync(lower);
  }
}

/** Runs an archive through a writer; returns the number of uncompressed bytes, those after the end mark included. */
export async function feed(
  writer: TreeWriter,
  compression: UnpackOptions['compression'] | 'bzip2' | 'xz',
  allowance: Allowance,
  source: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): Promise<number> {
  const parser = new TarParser(writer);
  let compressed = 0;
  let plain = 0;
  async function* counted() {
    for await (const chunk of source) {
      compressed += chunk.length;
      yield chunk;
    }
  }
  for await (const chunk of decompress(counted(), compression, { lent: true })) {
    plain += chunk.length;
    allowance.expanded(plain, compressed);
    see(chunk);
    parser.push(chunk);
  }
  parser.finish();
  writer.finish();
  return plain;
}

/** The folder that a new one at `path` will cover, in the topmost lower layer that has one. */
function coveredFolder(lowers: readonly number[], path: string): Implied | undefined {
  for (const lower of lowers) {
    const stat = statInRoot(lower, textOf(path), { follow: false });
    if (stat === undefined) continue;
    if (!stat.isDirectory()) return undefined;
    const seconds = Math.floor(stat.mtimeMs / 1000);
    return {
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtimeSeconds: seconds,
      mtimeNanoseconds: Math.max(0, Math.min(999_999_999, Math.round((stat.mtimeMs - seconds * 1000) * 1e6))),
    };
  }
  return undefined;
}
