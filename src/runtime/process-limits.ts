import { readFileSync } from 'node:fs';

export interface SoftAndHard {
  readonly soft: number;
  readonly hard: number;
}

/**
 * What the launcher notes of `ulimit -Sn`, since Node.js begins with raising the soft limit to the hard one. Programs
 * that walk all possible descriptors, or use select(), are made for the limit that the system gives.
 */
export const openFilesVariable = 'STRATA_OPEN_FILES';

/** The limit that the daemon was started with, within the hard one that it has now. */
export function openFiles(noted: string | undefined, limits: ReadonlyMap<string, number>): SoftAndHard {
  const hard = limits.get('nofile') ?? Number.POSITIVE_INFINITY;
  const soft = /^\d{1,15}$/.test(noted ?? '') ? Number(noted) : hard;
  return { soft: Math.min(soft, hard), hard };
}

/** By the names that `--ulimit` has for them. */
export function hardLimits(): ReadonlyMap<string, number> {
  const names: Readonly<Record<string, string>> = {
    'Max open files': 'nofile',
    'Max processes': 'nproc',
    'Max core file size': 'core',
    'Max locked memory': 'memlock',
    'Max stack size': 'stack',
    'Max file size': 'fsize',
    'Max cpu time': 'cpu',
    'Max data size': 'data',
    'Max address space': 'as',
    'Max resident set': 'rss',
    'Max pending signals': 'sigpending',
    'Max msgqueue size': 'msgqueue',
    'Max nice priority': 'nice',
    'Max realtime priority': 'rtprio',
    'Max file locks': 'locks',
  };
  const limits = new Map<string, number>();
  for (const line of readFileSync('/proc/self/limits', 'utf8').split('\n')) {
    const name = names[line.slice(0, 25).trim()];
    const hard = line.slice(26).trim().split(/\s+/)[1];
    if (name && hard) limits.set(name, hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard));
  }
  return limits;
}
