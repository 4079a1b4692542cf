import type { Attached } from './config.ts';

/** Which streams `--attach` names; without it all, the input only where it is kept open. */
export function attachedStreams(names: readonly string[], interactive: boolean): Attached {
  if (names.length === 0) return { stdin: interactive, stdout: true, stderr: true };
  return { stdin: names.includes('stdin'), stdout: names.includes('stdout'), stderr: names.includes('stderr') };
}
