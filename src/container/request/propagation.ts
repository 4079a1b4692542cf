import { StrataError } from '../../errors/index.ts';
import { mountOf, mountTable } from '../../sys/index.ts';
import type { MountPoint } from './mount-points.ts';

/** Throws, in Docker's words, for a mount that asks for more propagation than its source has: nothing would ever come. */
export function checkPropagation(points: readonly MountPoint[]): void {
  const asking = points.filter(({ Type, Propagation }) => Type === 'bind' && /shared|slave/.test(Propagation));
  if (asking.length === 0) return;
  const table = mountTable();
  for (const { Source: source, Propagation: wanted } of asking) {
    const row = mountOf(source, table);
    const kind = wanted.includes('shared') ? 'shared mount' : 'shared or slave mount';
    if (row?.shared || (row?.slave && kind !== 'shared mount')) continue;
    throw new StrataError(
      'invalid_argument',
      `path ${source} is mounted on ${row?.target ?? '/'} but it is not a ${kind}`,
      { code: 'private_mount' },
    );
  }
}

/**
 * How mounts outside and inside of the container's root are to be bound to each other; undefined: not at all. Without a
 * word the runtime cuts off all mounts, whatever they ask for themselves.
 */
export function rootPropagation(points: readonly MountPoint[]): 'shared' | 'rslave' | 'private' | undefined {
  const asks = (type: 'bind' | 'tmpfs', word: RegExp) =>
    points.some(({ Type, Propagation, Source }) => Type === type && word.test(type === 'bind' ? Propagation : Source));
  if (asks('bind', /shared/)) return 'shared';
  if (asks('bind', /slave/)) return 'rslave';
  return asks('tmpfs', /shared|slave/) ? 'private' : undefined;
}
