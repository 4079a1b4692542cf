import { StrataError } from '../../errors/index.ts';
import { cleanPath } from '../../runtime/index.ts';
import { errnoText, isErrno, makeFolders } from '../../sys/index.ts';
import { parseBind } from '../request/bind-text.ts';
import type { HostConfig } from '../types.ts';

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
    makeFolders(source);
  } catch (cause) {
    if (!isErrno(cause)) throw cause;
    const message = `error while creating mount source path '${source}': mkdir ${cause.path ?? source}: ${errnoText(cause)}`;
    throw new StrataError('invalid_argument', message, { code: 'no_mount_source', cause });
  }
}
