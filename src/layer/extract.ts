import { closeSync, constants, readlinkSync } from 'node:fs';
import { fdPath, openat, openFolderInRoot } from '../sys/index.ts';
import type { JobContext } from './jobs.ts';
import { Allowance } from './limits.ts';
import { treeError } from './tree-error.ts';
import { TreeWriter } from './tree-writer.ts';
import type { ExtractOptions } from './types.ts';
import { feed } from './unpack.ts';

/** Extracts an ordinary archive into a tree that is already there. */
export async function extractArchive(
  rootPath: string,
  options: ExtractOptions,
  context: JobContext,
): Promise<{ readonly entries: number }> {
  const root = openat(-100, rootPath, constants.O_RDONLY | constants.O_DIRECTORY);
  const allowance = new Allowance(options);
  try {
    const writer = new TreeWriter({
      root,
      start: makeTarget(root, options),
      allowance,
      whiteouts: false,
      owner: options.chown,
      userXattrs: options.userXattrs ?? false,
      keepKinds: options.noOverwriteDirNonDir ?? false,
    });
    try {
      await feed(writer, options.compression, allowance, context.source, () => context.check());
      return { entries: writer.entries };
    } finally {
      writer.close();
    }
  } finally {
    closeSync(root);
  }
}

/** Makes the target where it is missing; returns its real path from the root, as a byte string. */
function makeTarget(root: number, { target, chown }: ExtractOptions): string {
  const { uid, gid } = chown ?? { uid: 0, gid: 0 };
  try {
    const { fd } = openFolderInRoot(root, target, { mode: 0o755, uid, gid });
    try {
      const top = readlinkSync(fdPath(root), 'latin1');
      const real = readlinkSync(fdPath(fd), 'latin1');
      return top === '/' ? real : real.slice(top.length);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw treeError(error, `${target.replace(/\/+$/, '')}/`);
  }
}
