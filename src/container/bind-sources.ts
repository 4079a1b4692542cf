import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { errnoText, isErrno } from '../sys/index.ts';
import { cleanPath, parseBind } from './bind-text.ts';
import type { HostConfig } from './types.ts';

/** Makes the folders of the host that are to be mounted and are not there: for `-v`, and for `--mount` where it asks for that. */
export function makeBindSources({ Binds: binds = [], Mounts: mounts = [] }: HostConfig): void {
  const sources = [
    ...binds.map(parseBind).flatMap(({ type, source }) => (type === 'bind' ? [source!] : [])),
    ...mounts.flatMap(({ BindOptions, Source }) =>
      BindOptions?.CreateMountpoint && Source ? [cleanPath(Source)] : [],
    ),
  ];
  for (const source of sources) makeSource(source);
}

function makeSource(source: string): void {
  try {
    makeFolder(source);
  } catch (cause) {
    if (!isErrno(cause)) throw cause;
    const message = `error while creating mount source path '${source}': mkdir ${cause.path ?? source}: ${errnoText(cause)}`;
    throw new StrataError('invalid_argument', message, { code: 'no_mount_source', cause });
  }
}

/** Step by step: Node's own `recursive` never ends in /proc, where a folder is not there however often it is made. */
function makeFolder(path: string): void {
  if (isThere(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, 0o755);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}
