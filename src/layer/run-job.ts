import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import type { DiffID, Digest } from '../oci/index.ts';
import { blockBytes, blocksInUse, writeCompressed } from './compress.ts';
import { extractArchive } from './extract.ts';
import type { Job, JobContext, JobResults } from './jobs.ts';
import { TarBlocks } from './tar-blocks.ts';
import type { LayerMeasure, PackedBlob } from './types.ts';
import { unpackLayer } from './unpack.ts';

/** Does a job in this thread. */
export async function runJob(job: Job, context: JobContext): Promise<JobResults[Job['kind']]> {
  switch (job.kind) {
    case 'measure':
      return measure(job, context);
    case 'pack':
      return pack(job, context);
    case 'stream':
      return stream(job, context);
    case 'unpack':
      return unpackLayer(job.folder, job.options, context, job.source);
    case 'extract':
      return extractArchive(job.root, job.options, context);
  }
}

/** Passes blocks on, hashing and counting them, until the job is to stop. */
class Measured {
  readonly #tar: TarBlocks;
  readonly #context: JobContext;
  readonly #hash = createHash('sha256');
  #size = 0;

  constructor(tar: TarBlocks, context: JobContext) {
    this.#tar = tar;
    this.#context = context;
  }

  *[Symbol.iterator](): Generator<Buffer, void, undefined> {
    for (const block of this.#tar) {
      this.#context.check();
      this.#hash.update(block);
      this.#size += block.length;
      yield block;
    }
  }

  result(): LayerMeasure {
    const diffID = `sha256:${this.#hash.digest('hex')}` as DiffID;
    return { diffID, tarSize: this.#size, ...this.#tar.tally };
  }
}

function measure(job: Job & { kind: 'measure' }, context: JobContext): LayerMeasure {
  const block = Buffer.allocUnsafeSlow(blockBytes.none);
  const blocks = new Measured(new TarBlocks(job, () => block), context);
  for (const _ of blocks);
  return blocks.result();
}

async function pack(job: Job & { kind: 'pack' }, context: JobContext): Promise<PackedBlob> {
  const { compression } = job;
  const buffers = Array.from({ length: blocksInUse(compression) }, () =>
    Buffer.allocUnsafeSlow(blockBytes[compression]),
  );
  let next = 0;
  const blocks = new Measured(new TarBlocks(job, () => buffers[next++ % buffers.length]!), context);
  const fd = openSync(job.file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const { digest, size: written } = await writeCompressed(fd, blocks, compression);
    return { ...blocks.result(), digest: digest as Digest, size: written };
  } catch (error) {
    rmSync(job.file, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

async function stream(job: Job & { kind: 'stream' }, context: JobContext): Promise<LayerMeasure> {
  const tar = new TarBlocks(job, () => Buffer.allocUnsafeSlow(streamBlock));
  let tarSize = 0;
  for (const block of tar) {
    context.check();
    tarSize += block.length;
    await context.output(block);
  }
  return { diffID: '' as DiffID, tarSize, ...tar.tally };
}

const streamBlock = 256 * 1024;
