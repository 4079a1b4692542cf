import { StrataError } from '../../errors/index.ts';
import { type MountRow, mountTable } from '../../sys/index.ts';
import type { MountPoint } from './mount-points.ts';

/** Throws, in Docker's words, for a mount that asks for more propagation than its source has: nothing would ever come. */
export function checkPropagation(points: readonly MountPoint[]): void {
  const asking = points.filter(({ Type, Propagation }) => Type === 'bind' && /shared|slave/.test(Propagation));
  if (asking.length === 0) return;
  const table = mountTable();
  for (const { Source: source, Propagation: wanted } of asking) {
    const row = rowOf(source, table);
    const kind = wanted.includes('shared') ? 'shared mount' : 'shared or slave mount';
    if (row?.shared || (row?.slave && kind !== 'shared mount')) continue;
    throw new StrataError(
      'invalid_argument',
      `path ${source} is mounted on ${row?.target ?? '/'} but it is not a ${kind}`,
      { code: 'private_mount' },
    );
  }
}

/** The mount that a path lies in: of several on one place, the last. */
function rowOf(path: string, table: readonly MountRow[]): MountRow | undefined {
  const within = table.filter(({ target }) => target === '/' || path === target || path.startsWith(`${target}/`));
  return within.reduce<MountRow | undefined>(
    (best, row) => (best === undefined || row.target.length >= best.target.length ? row : best),
    undefined,
  );
}
