import type { Attached } from './config.ts';
import { invalid } from './invalid.ts';

/** Which streams `--attach` names; without it all, the input only where it is kept open. */
export function attachedStreams(names: readonly string[], interactive: boolean): Attached {
  if (names.length === 0) return { stdin: interactive, stdout: true, stderr: true };
  const chosen = names.map((name) => name.toLowerCase());
  for (const name of chosen) {
    if (!['stdin', 'stdout', 'stderr'].includes(name)) throw invalid('valid streams are STDIN, STDOUT and STDERR');
  }
  return { stdin: chosen.includes('stdin'), stdout: chosen.includes('stdout'), stderr: chosen.includes('stderr') };
}
