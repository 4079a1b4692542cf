import { StrataError } from '../errors/index.ts';
import { readFileInRoot } from '../sys/index.ts';
import type { ResolvedUser } from './types.ts';

/** Most bytes of /etc/passwd and /etc/group that are read: an image must not fill the daemon's memory. */
const limit = 8 * 1024 * 1024;
/** The kernel's largest id; anything above would wrap around, to root in the worst case. */
const largestID = 2 ** 32 - 2;
/** The largest id that a user may be given by, in the reference's signed integers; files may hold larger ones. */
const largestGiven = 2 ** 31 - 1;

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

function lines(root: string, path: string): string[] {
  try {
    return readFileInRoot(root, path, limit).toString('utf8').split('\n');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return [];
    throw error;
  }
}

function id(text: string | undefined, largest = largestID): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= largest ? value : undefined;
}

function unknown(text: string, what: 'user' | 'group', file: string): StrataError {
  const message = /^-?\d+$/.test(text)
    ? `uids and gids must be in range 0-${largestGiven}`
    : `unable to find ${what} ${text}: no matching entries in ${file} file`;
  return new StrataError('invalid_argument', message, { code: `unknown_${what}` });
}

function passwd(root: string): PasswdEntry[] {
  return lines(root, '/etc/passwd').flatMap((line) => {
    const [name, , uid, gid, , home] = line.split(':');
    const [u, g] = [id(uid), id(gid)];
    return name && u !== undefined && g !== undefined ? [{ name, uid: u, gid: g, home: home || '/' }] : [];
  });
}

function groups(root: string): GroupEntry[] {
  return lines(root, '/etc/group').flatMap((line) => {
    const [name, , gid, members] = line.split(':');
    const g = id(gid);
    return name && g !== undefined ? [{ name, gid: g, members: (members ?? '').split(',').filter(Boolean) }] : [];
  });
}

/**
 * The ids of `spec` (`user`, `user:group`, ids or names; empty: root) in the tree at `root`. Names must be known; ids need
 * not be. Errors have runc's words.
 */
export function resolveUser(root: string, spec: string, additional: readonly string[] = []): ResolvedUser {
  const [userPart = '', groupPart] = split(spec);
  const known = passwd(root);
  const wanted = userPart === '' ? '0' : userPart;
  const entry = known.find(({ name }) => name === wanted) ?? known.find(({ uid }) => uid === id(wanted));
  const uid = entry?.uid ?? id(wanted, largestGiven);
  if (uid === undefined) throw unknown(userPart, 'user', 'passwd');
  const all = groups(root);
  const gid = groupPart === undefined || groupPart === '' ? (entry?.gid ?? 0) : groupID(all, groupPart);
  const own =
    groupPart === undefined && entry
      ? all.filter(({ members }) => members.includes(entry.name)).map((group) => group.gid)
      : [];
  const more = additional.map((name) => groupID(all, name));
  return {
    uid,
    gid,
    groups: [...new Set([...own, ...more])].filter((group) => group !== gid),
    home: entry?.home ?? '/',
    ...(entry && { name: entry.name }),
  };
}

function groupID(all: readonly GroupEntry[], name: string): number {
  const gid = all.find((group) => group.name === name)?.gid ?? id(name);
  if (gid !== undefined) return gid;
  throw unknown(name, 'group', 'group');
}

function split(spec: string): readonly string[] {
  const colon = spec.indexOf(':');
  return colon < 0 ? [spec] : [spec.slice(0, colon), spec.slice(colon + 1)];
}

/**
 * The owner of `--chown=spec`. As BuildKit does: without a group the user's number is the group's number too; a name that
 * an image with /etc/passwd does not know is 0, and an error where there is no such file.
 */
export function resolveOwner(root: string, spec: string): { readonly uid: number; readonly gid: number } {
  const [userPart = '', groupPart] = split(spec);
  const uid =
    id(userPart, largestGiven) ??
    lookUp(userPart, lines(root, '/etc/passwd'), passwd(root).find(({ name }) => name === userPart)?.uid, 'user');
  const gid =
    groupPart === undefined
      ? uid
      : (id(groupPart, largestGiven) ??
        lookUp(
          groupPart,
          lines(root, '/etc/group'),
          groups(root).find(({ name }) => name === groupPart)?.gid,
          'group',
        ));
  return { uid, gid };
}

function lookUp(name: string, file: readonly string[], found: number | undefined, what: 'user' | 'group'): number {
  if (found !== undefined) return found;
  if (file.length === 0)
    throw new StrataError(
      'invalid_argument',
      `invalid ${what} index: -1 (no ${what} ${JSON.stringify(name)}: the image has no /etc/${what === 'user' ? 'passwd' : 'group'})`,
      { code: `unknown_${what}` },
    );
  return 0;
}
