import { StrataError } from '../../errors/index.ts';
import { isErrno, readFileInRoot } from '../../sys/index.ts';
import type { Owner } from '../files/jobs.ts';

/** Longest passwd or group file that is read. */
const limit = 8 << 20;

/**
 * The owner that `--chown=user[:group]` means in `root`. As in BuildKit a user that is not there counts as 0, a group
 * that is not there as the user's, and a number alone is user and group. `hasRoot` is false on scratch, where names cannot be looked up at all.
 */
export function resolveOwner(spec: string, root: string, hasRoot: boolean): Owner {
  const [user = '', group] = splitOnce(spec);
  let owner: Owner = { uid: 0, gid: 0 };
  if (user !== '') owner = resolveUser(user, root, hasRoot);
  if (group !== undefined && group !== '') owner = { uid: owner.uid, gid: resolveGroup(group, root, hasRoot) ?? owner.gid };
  return owner;
}

function splitOnce(spec: string): string[] {
  const colon = spec.indexOf(':');
  return colon < 0 ? [spec] : [spec.slice(0, colon), spec.slice(colon + 1)];
}

function resolveUser(user: string, root: string, hasRoot: boolean): Owner {
  const id = numberOf(user);
  if (id !== undefined) return { uid: id, gid: id };
  if (!hasRoot) throw new StrataError('invalid_argument', 'invalid user index: -1', { hint: noNames });
  const row = rows(root, '/etc/passwd').find(([name]) => name === user);
  return { uid: numberOf(row?.[2] ?? '') ?? 0, gid: numberOf(row?.[3] ?? '') ?? 0 };
}

function resolveGroup(group: string, root: string, hasRoot: boolean): number | undefined {
  const id = numberOf(group);
  if (id !== undefined) return id;
  if (!hasRoot) throw new StrataError('invalid_argument', 'invalid group index: -1', { hint: noNames });
  return numberOf(rows(root, '/etc/group').find(([name]) => name === group)?.[2] ?? '');
}

const noNames = 'an empty root has no /etc/passwd: give the owner as numbers';

/** Ids are unsigned 32-bit numbers; anything else must not become one by overflow. */
function numberOf(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= 0xffff_fffe ? id : undefined;
}

function rows(root: string, file: string): string[][] {
  try {
    return readFileInRoot(root, file, limit)
      .toString('utf8')
      .split('\n')
      .map((line) => line.trim().split(':'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EINVAL', 'EISDIR')) return [];
    throw error;
  }
}
