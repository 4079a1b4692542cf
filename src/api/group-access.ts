import { chmodSync, chownSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StrataError } from '../errors/index.ts';

/** Of a group by its name or number; `invalid_argument` (`unknown_group`) where there is none. */
export function groupId(group: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  const row = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === group);
  if (!row?.[2]) throw new StrataError('invalid_argument', `no such group: ${group}`, { code: 'unknown_group' });
  return Number(row[2]);
}

/**
 * Lets a group go through the engine's own folder to a socket, and see nothing else of it: the bit to enter, without the
 * one to read. Returns the folder on the way that stays closed, which is not the engine's to open.
 */
export function letGroupThrough(path: string, gid: number, ownFolder: string | undefined): string | undefined {
  let closed: string | undefined;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (!mayEnter(folder, gid)) {
      if (folder === ownFolder) {
        chownSync(folder, -1, gid);
        chmodSync(folder, (statSync(folder).mode & 0o7707) | 0o010);
      } else closed = folder;
    }
    if (folder === dirname(folder)) return closed;
  }
}

function mayEnter(folder: string, gid: number): boolean {
  const { mode, gid: owner } = statSync(folder);
  return (mode & (owner === gid ? 0o010 : 0o001)) !== 0;
}
