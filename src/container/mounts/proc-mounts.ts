/** Mounts in /proc: a process that sees another /proc, or another file in it, is easily fooled about what it is. */
import { statfsSync } from 'node:fs';
import type { MountPoint } from '../request/mount-points.ts';

/** Those that runc lets programs like lxcfs show in their own way. */
const allowed = [
  ...['cpuinfo', 'diskstats', 'meminfo', 'stat', 'swaps', 'uptime', 'loadavg', 'slabinfo'],
  ...['net/dev', 'sys/kernel/ns_last_pid', 'sys/crypto/fips_enabled'],
];

/** PROC_SUPER_MAGIC of linux/magic.h. */
const procMagic = 0x9fa0;

/** Why `point` must not be mounted, in runc's words. */
export function procMountProblem({ Type, Source, Destination: target }: MountPoint): string | undefined {
  const check = `check proc-safety of ${target} mount: ${JSON.stringify(target)} cannot be mounted because it is`;
  if (target === '/proc') return Type === 'bind' && isProc(Source) ? undefined : `${check} not of type proc`;
  if (!target.startsWith('/proc/') || allowed.includes(target.slice('/proc/'.length))) return undefined;
  return `${check} inside /proc`;
}

function isProc(path: string): boolean {
  try {
    return statfsSync(path).type === procMagic;
  } catch {
    return false;
  }
}
