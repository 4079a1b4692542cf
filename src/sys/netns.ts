import { closeSync, constants, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { check } from './errno.ts';
import { native } from './libc.ts';
import { mount, unmount } from './mount.ts';

const CLONE_NEWNET = 0x40000000;
const unshare = native('unshare', 'int', ['int']);
const setns = native('setns', 'int', ['int', 'int']);

/**
 * Makes a network namespace that lives at `path` (a bind mount) until {@link removeNetworkNamespace}. The calling thread
 * is in it for an instant and back before anything else runs, which takes well under a millisecond; starting a program
 * for that would take several.
 */
export function createNetworkNamespace(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, '', { flag: 'wx', mode: 0o444 });
  const home = openSync('/proc/thread-self/ns/net', constants.O_RDONLY);
  try {
    check(unshare(CLONE_NEWNET), 'unshare');
    try {
      mount('/proc/thread-self/ns/net', path, null, ['bind']);
    } finally {
      check(setns(home, CLONE_NEWNET), 'setns');
    }
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(home);
  }
}

/** Forgets the namespace; it ends with its last process. */
export function removeNetworkNamespace(path: string): void {
  try {
    unmount(path, { detach: true });
  } catch (error) {
    if (!['EINVAL', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  rmSync(path, { force: true });
}
