import type { FlagValues } from '../flags/flag.ts';
import type { createFlags } from './flags.ts';

/** Whether the command line opens files of the caller's for a container with these flags. */
export function readsOrWritesFiles(flags: FlagValues<typeof createFlags>): boolean {
  return (
    flags.cidfile !== '' ||
    flags['env-file'].length > 0 ||
    flags['label-file'].length > 0 ||
    flags['security-opt'].some((option) => option.startsWith('seccomp'))
  );
}
