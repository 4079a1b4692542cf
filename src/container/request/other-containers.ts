import { isKind, StrataError } from '../../errors/index.ts';
import type { ContainerRecord } from '../record.ts';
import type { ContainerStore } from '../store.ts';
import type { HostConfig } from '../types.ts';
import { parseVolumesFrom } from './bind-text.ts';
import type { MountPoint } from './mount-points.ts';

/** The mounts that `--volumes-from` takes over from other containers. */
export function inheritedMounts(from: readonly string[], store: ContainerStore): readonly MountPoint[] {
  return from
    .map(parseVolumesFrom)
    .flatMap(({ container, writable }) =>
      named(container, store).mounts.map((point) => ({ ...point, RW: point.RW && writable })),
    );
}

/** Which of the inherited volumes nobody gave a name to: whoever has them last takes them along. */
export function inheritedAnonymous(from: readonly string[], store: ContainerStore): readonly string[] {
  return from.map(parseVolumesFrom).flatMap(({ container }) => named(container, store).anonymousVolumes);
}

/** Throws where the container whose processes or memory are to be shared is not there. */
export function checkJoined({ IpcMode: ipc = '', PidMode: pid = '' }: HostConfig, store: ContainerStore): void {
  for (const mode of [ipc, pid]) if (/^container:./.test(mode)) named(mode.slice('container:'.length), store);
}

/** Another container that a request names. For clients `not_found` is about the image: they would fetch it. */
function named(ref: string, store: ContainerStore): ContainerRecord {
  if (ref === '') throw new StrataError('invalid_argument', 'invalid name or ID supplied: ""');
  try {
    return store.get(ref);
  } catch (cause) {
    if (!isKind(cause, 'not_found')) throw cause;
    throw new StrataError('invalid_argument', cause.message, { code: 'container_not_found', cause });
  }
}
