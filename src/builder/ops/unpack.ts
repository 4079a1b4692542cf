import { closeSync, constants, createReadStream, fstatSync } from 'node:fs';
import { isArchiveFile } from '../../layer/index.ts';
import type { ActiveSnapshot } from '../../snapshot/index.ts';
import { fdPath, openInRoot } from '../../sys/index.ts';
import type { CopyJob, ScanReport } from '../files/jobs.ts';
import type { Work } from '../solver/vertex.ts';
import { withMount } from './root-step.ts';
import type { Workshop } from './workshop.ts';

type Unpack = Omit<CopyJob, 'kind' | 'digest'>;

/** ADD from a tree: archives among what is selected are taken apart into the target, anything else is copied. */
export async function unpackMatches(
  shop: Workshop,
  active: ActiveSnapshot,
  job: Unpack,
  work: Work,
): Promise<ScanReport> {
  const { source, selection } = job;
  const matches = await shop.files.run({ kind: 'match', source, selection }, work);
  for (const { selected, path } of matches) {
    const done = await unpackOne(shop, active, job, path, work);
    if (done) continue;
    await shop.files.run(
      { ...job, kind: 'copy', selection: { ...selection, path: selected, wildcards: false }, digest: false },
      work,
    );
  }
  return { digest: '', files: 0, bytes: 0 };
}

async function unpackOne(
  shop: Workshop,
  active: ActiveSnapshot,
  job: Unpack,
  path: string,
  work: Work,
): Promise<boolean> {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  const fd = openInRoot(job.source.root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, { noSymlinks: true });
  try {
    if (!fstatSync(fd).isFile() || !(await isArchiveFile(fdPath(fd)))) return false;
    const { upper, lowers, path: target } = job.target;
    const { chown } = job.look;
    const epoch = job.epoch === undefined ? {} : { epoch: job.epoch };
    await shop.files.run(
      { kind: 'mkdir', target: { upper, lowers, path: target }, ...(chown && { owner: chown }), ...epoch },
      work,
    );
    await withMount(shop, active, (root) =>
      shop.layers.extract(createReadStream(fdPath(fd)), root, {
        compression: 'detect',
        target,
        ...(chown && { chown }),
        signal: work.signal,
      }),
    );
    return true;
  } finally {
    closeSync(fd);
  }
}
