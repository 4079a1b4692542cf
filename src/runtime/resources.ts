import { statSync } from 'node:fs';
import { StrataError } from '../errors/index.ts';
import { majorMinor } from '../sys/index.ts';
import type { ResourceLimits } from './limits.ts';
import type { RuntimeFacts } from './runtime.ts';

/** cgroup limits in the runtime spec's words (config-linux.md "Control groups"), as far as this host has them. */
export function resourcesOf(host: ResourceLimits, facts: RuntimeFacts): object {
  const has = (controller: string) => facts.controllers.has(controller);
  return {
    ...(has('memory') && { memory: memoryOf(host, facts) }),
    cpu: { ...(has('cpu') && processorOf(host, facts)), ...(has('cpuset') && cpusetsOf(host)) },
    ...((host.PidsLimit ?? 0) > 0 && has('pids') && { pids: { limit: host.PidsLimit } }),
    ...(has(facts.cgroups === 'v2' ? 'io' : 'blkio') && { blockIO: blockOf(host, facts) }),
  };
}

function memoryOf(host: ResourceLimits, { swapLimit, features }: RuntimeFacts): object {
  const swap = host.MemorySwap || (host.Memory ?? 0) * 2;
  const swappiness = host.MemorySwappiness ?? -1;
  return {
    ...(host.Memory && { limit: host.Memory, ...(swapLimit && { swap }) }),
    ...(host.MemoryReservation && { reservation: host.MemoryReservation }),
    ...(swappiness >= 0 && features.has('swappiness') && { swappiness }),
    ...(host.OomKillDisable && features.has('no oom killer') && { disableOOMKiller: true }),
  };
}

function processorOf(host: ResourceLimits, { features }: RuntimeFacts): object {
  const { CpuQuota = 0, CpuPeriod, CpuShares: shares, CpuRealtimePeriod, CpuRealtimeRuntime } = host;
  const period = CpuPeriod || 100_000;
  const quota = host.NanoCpus ? Math.round((host.NanoCpus / 1e9) * 100_000) : CpuQuota;
  return {
    // A negative one is none, which not every runtime can write.
    ...(quota > 0 && { quota }),
    ...((quota > 0 || CpuPeriod) && { period }),
    ...(shares && { shares }),
    ...(features.has('real time') && {
      ...(CpuRealtimePeriod && { realtimePeriod: CpuRealtimePeriod }),
      ...(CpuRealtimeRuntime && { realtimeRuntime: CpuRealtimeRuntime }),
    }),
  };
}

function cpusetsOf({ CpusetCpus: cpus, CpusetMems: mems }: ResourceLimits): object {
  return { ...(cpus && { cpus }), ...(mems && { mems }) };
}

function blockOf(host: ResourceLimits, { features }: RuntimeFacts): object {
  const rates = (list: ResourceLimits['BlkioDeviceReadBps']) =>
    list?.map(({ Path, Rate }) => ({ ...deviceNumbers(Path), rate: Rate }));
  const weights = host.BlkioWeightDevice?.map(({ Path, Weight }) => ({ ...deviceNumbers(Path), weight: Weight }));
  const limits = {
    throttleReadBpsDevice: rates(host.BlkioDeviceReadBps),
    throttleWriteBpsDevice: rates(host.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: rates(host.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: rates(host.BlkioDeviceWriteIOps),
    ...(features.has('block weight of a device') && { weightDevice: weights }),
  };
  const given = Object.fromEntries(Object.entries(limits).filter(([, list]) => list?.length));
  return { ...(host.BlkioWeight && features.has('block weight') && { weight: host.BlkioWeight }), ...given };
}

function deviceNumbers(path = ''): { readonly major: number; readonly minor: number } {
  const found = path === '' ? undefined : statSync(path, { throwIfNoEntry: false });
  if (!found)
    throw new StrataError('invalid_argument', `stat ${path}: no such file or directory`, { code: 'no_such_device' });
  return majorMinor(found.rdev);
}
