import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupFolders } from '../stats.ts';
import type { HostConfig } from '../types.ts';

/** Takes the limits off a running process that an update lifts: crun cannot write "none" over a limit that there is. */
export function liftLimits(pid: number, { CpuQuota = 0, PidsLimit }: Partial<HostConfig>): void {
  const folders = cgroupFolders(pid);
  const one = folders.get('');
  const cpu = one ?? folders.get('cpu');
  const pids = one ?? folders.get('pids');
  if (PidsLimit === 0 && pids !== undefined) write(join(pids, 'pids.max'), 'max');
  if (CpuQuota >= 0 || cpu === undefined) return;
  if (one === undefined) write(join(cpu, 'cpu.cfs_quota_us'), '-1');
  else write(join(cpu, 'cpu.max'), `max ${readFileSync(join(cpu, 'cpu.max'), 'utf8').trim().split(' ')[1] ?? ''}`);
}

function write(file: string, value: string): void {
  try {
    writeFileSync(file, value);
  } catch {
    // The most that the host can give is its limit already, see `runningLimits`.
  }
}
