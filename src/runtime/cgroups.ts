import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountTable } from '../sys/index.ts';

export type CgroupMode = 'v2' | 'v1' | 'hybrid' | 'none';

/** What the kernel lets containers be limited in. */
export interface CgroupFacts {
  readonly cgroups: CgroupMode;
  /** cgroup controllers that can be used: `memory`, `cpu`, `pids`… */
  readonly controllers: ReadonlySet<string>;
  /** Whether swap can be limited apart from memory. */
  readonly swapLimit: boolean;
  /** Limits that only some kernels and versions of cgroups have. */
  readonly features: ReadonlySet<CgroupFeature>;
  /** Processors that may be used, and memory nodes, as the kernel lists them: `0-3`; empty where it does not say. */
  readonly cpus: string;
  readonly memoryNodes: string;
}

export type CgroupFeature = 'block weight' | 'block weight of a device' | 'swappiness' | 'no oom killer' | 'real time';

export const cgroupRoot = '/sys/fs/cgroup';

export function probeCgroups(): CgroupFacts {
  const cgroups = cgroupMode();
  return {
    cgroups,
    controllers: controllersOf(cgroups),
    swapLimit: hasSwapLimit(cgroups),
    features: featuresOf(cgroups),
    cpus: listed(cgroups, 'cpus'),
    memoryNodes: listed(cgroups, 'mems'),
  };
}

function cgroupMode(): CgroupMode {
  const mounts = mountTable();
  if (mounts.some(({ target, type }) => target === cgroupRoot && type === 'cgroup2')) return 'v2';
  if (!mounts.some(({ type }) => type === 'cgroup')) return 'none';
  return mounts.some(({ target, type }) => target === `${cgroupRoot}/unified` && type === 'cgroup2') ? 'hybrid' : 'v1';
}

function controllersOf(mode: CgroupMode): ReadonlySet<string> {
  if (mode === 'none') return new Set();
  if (mode === 'v2') return new Set(readFileSync(join(cgroupRoot, 'cgroup.controllers'), 'utf8').trim().split(/\s+/));
  return new Set(readdirSync(cgroupRoot).flatMap((name) => name.split(',')));
}

function hasSwapLimit(mode: CgroupMode): boolean {
  if (mode === 'v2') {
    // The root group has no such file, every other one has.
    const groups = readdirSync(cgroupRoot, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return groups.some(({ name }) => existsSync(join(cgroupRoot, name, 'memory.swap.max')));
  }
  return existsSync(join(cgroupRoot, 'memory/memory.memsw.limit_in_bytes'));
}

const featureFiles: Readonly<Record<CgroupFeature, string>> = {
  'block weight': 'blkio/blkio.weight',
  'block weight of a device': 'blkio/blkio.weight_device',
  swappiness: 'memory/memory.swappiness',
  'no oom killer': 'memory/memory.oom_control',
  'real time': 'cpu/cpu.rt_runtime_us',
};

function featuresOf(mode: CgroupMode): ReadonlySet<CgroupFeature> {
  if (mode === 'v2') return new Set(controllersOf(mode).has('io') ? ['block weight', 'block weight of a device'] : []);
  const names = Object.keys(featureFiles) as CgroupFeature[];
  return new Set(names.filter((name) => existsSync(join(cgroupRoot, featureFiles[name]))));
}

function listed(mode: CgroupMode, what: 'cpus' | 'mems'): string {
  const file = join(cgroupRoot, mode === 'v2' ? `cpuset.${what}.effective` : `cpuset/cpuset.${what}`);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}

/** Removes the group of that path in every hierarchy, with those that were made below it. Its processes were killed. */
export async function removeCgroups(path: string): Promise<void> {
  const roots = mountTable()
    .filter(({ target, type }) => type.startsWith('cgroup') && target.startsWith(cgroupRoot))
    .map(({ target }) => join(target, normalize(`/${path}`)));
  // What was killed takes a moment to leave its group. One that does not leave is no reason to wait longer.
  for (let tries = 0; tries < 25 && roots.some((root) => !removeGroups(root)); tries++) await sleep(20);
}

function removeGroups(folder: string): boolean {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) removeGroups(join(folder, entry.name));
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
}
