import { closeSync, constants, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { check } from './errno.ts';
import { native } from './libc.ts';
import { mount, unmount } from './mount.ts';
import { mountOf, mountTable } from './mount-table.ts';

const CLONE_NEWNS = 0x20000;
const unshare = native('unshare', 'int', ['int']);
const setns = native('setns', 'int', ['int', 'int']);

/**
 * Runs `action`, which must be synchronous, with the calling thread in a mount namespace of its own where the mounts
 * `hidden` are gone. A program that it starts stays there. Costs a copy of the mount table, a fraction of a millisecond;
 * a wrapper program that does the same takes ten. With `shared`, mounts come and go between it and the host as before,
 * but for those where the hidden ones were.
 */
export function withoutMounts<T>(
  hidden: readonly string[],
  action: () => T,
  { shared = false }: { readonly shared?: boolean } = {},
): T {
  const home = openSync('/proc/thread-self/ns/mnt', constants.O_RDONLY);
  const folder = process.cwd();
  try {
    // This gives the thread a root and a working directory of its own, too, which setns asks for.
    check(unshare(CLONE_NEWNS), 'unshare');
    try {
      // Before anything is unmounted: what is shared with the host would go there as well. From the host, an unmount
      // still comes through, so that a long-lived program does not hold others' mounts.
      if (!shared) mount('none', '/', null, ['rec', 'slave']);
      else for (const target of sharedParents(hidden)) mount('none', target, null, ['slave']);
      for (const target of hidden) unmount(target, { detach: true });
      return action();
    } finally {
      check(setns(home, CLONE_NEWNS), 'setns');
      process.chdir(folder);
    }
  } finally {
    closeSync(home);
  }
}

function sharedParents(targets: readonly string[]): ReadonlySet<string> {
  const table = mountTable();
  const rows = targets.map((target) => mountOf(dirname(target), table));
  return new Set(rows.flatMap((row) => (row?.shared ? [row.target] : [])));
}
