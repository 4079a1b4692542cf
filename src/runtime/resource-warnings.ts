import type { CgroupFeature } from './cgroups.ts';
import type { ResourceLimits } from './limits.ts';
import type { RuntimeFacts } from './runtime.ts';

/** Of the limits alone. */
export function resourceWarnings(host: ResourceLimits, facts: RuntimeFacts): string[] {
  const hasBlock = facts.controllers.has(facts.cgroups === 'v2' ? 'io' : 'blkio');
  const lacks = (asked: unknown, there: boolean, text: string) => (asked && !there ? [text] : []);
  const lacksController = (asked: unknown, name: string, text: string) =>
    lacks(asked, facts.controllers.has(name), `Your kernel does not support ${text}`);
  const lacksFeature = (asked: unknown, name: CgroupFeature, text: string) =>
    lacks(asked, facts.features.has(name), `Your kernel does not support ${text}`);
  const lacksThrottle = (asked: readonly unknown[] | undefined, unit: string, what: string, short: string) =>
    lacks(
      asked?.length,
      hasBlock,
      `Your kernel does not support ${unit} ${what} limit or the cgroup is not mounted. Block I/O ${short} limit discarded.`,
    );
  return [
    ...lacksController(
      host.Memory,
      'memory',
      'memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
    ),
    ...(host.Memory && facts.controllers.has('memory') && !facts.swapLimit && host.MemorySwap !== -1
      ? [
          'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
        ]
      : []),
    ...lacksFeature(
      (host.MemorySwappiness ?? -1) >= 0,
      'swappiness',
      'memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
    ),
    ...lacksController(
      host.MemoryReservation,
      'memory',
      'memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.',
    ),
    ...lacksFeature(host.OomKillDisable, 'no oom killer', 'OomKillDisable. OomKillDisable discarded.'),
    ...(host.OomKillDisable && !host.Memory && facts.features.has('no oom killer')
      ? [
          'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
        ]
      : []),
    ...lacksController(
      (host.PidsLimit ?? 0) > 0,
      'pids',
      'PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
    ),
    ...lacksController(host.CpuShares, 'cpu', 'CPU shares or the cgroup is not mounted. Shares discarded.'),
    ...lacksController(
      host.NanoCpus || host.CpuQuota || host.CpuPeriod,
      'cpu',
      'CPU CFS scheduler or the cgroup is not mounted. CPU limits discarded.',
    ),
    ...lacks(host.KernelMemory, false, 'Your kernel does not support kernel memory limits. Limitation discarded.'),
    ...lacks(
      host.KernelMemoryTCP,
      false,
      'Your kernel does not support kernel memory TCP limits. Limitation discarded.',
    ),
    ...lacks(host.CpuPercent, false, 'linux does not support CPU percent. Percent discarded.'),
    ...lacksController(
      host.CpusetCpus || host.CpusetMems,
      'cpuset',
      'cpuset or the cgroup is not mounted. Cpuset discarded.',
    ),
    ...lacksFeature(
      host.BlkioWeight,
      'block weight',
      'Block I/O weight or the cgroup is not mounted. Weight discarded.',
    ),
    ...lacksFeature(
      host.BlkioWeightDevice?.length,
      'block weight of a device',
      'Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.',
    ),
    ...lacksThrottle(host.BlkioDeviceReadBps, 'BPS Block I/O', 'read', 'BPS read'),
    ...lacksThrottle(host.BlkioDeviceWriteBps, 'BPS Block I/O', 'write', 'BPS write'),
    ...lacksThrottle(host.BlkioDeviceReadIOps, 'IOPS Block', 'read', 'IOPS read'),
    ...lacksThrottle(host.BlkioDeviceWriteIOps, 'IOPS Block', 'write', 'IOPS write'),
  ];
}
