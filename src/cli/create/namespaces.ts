import { invalid } from './invalid.ts';

/** Refuses a namespace that cannot be meant, before anything is asked of the engine. */
export function checkNamespaces(flags: {
  readonly pid: string;
  readonly uts: string;
  readonly userns: string;
  readonly cgroupns: string;
}): void {
  if (!/^(host|container:.+)?$/.test(flags.pid)) throw invalid('--pid: invalid PID mode');
  if (!/^(host)?$/.test(flags.uts)) throw invalid('--uts: invalid UTS mode');
  if (!/^(host)?$/.test(flags.userns)) throw invalid('--userns: invalid USER mode');
  if (!/^(host|private)?$/.test(flags.cgroupns)) throw invalid('--cgroupns: invalid CGROUP mode');
}
