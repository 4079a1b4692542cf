/** Checks of the limits that a container asks for, in Docker's words and order. */
import { availableParallelism } from 'node:os';
import type { CgroupFacts, CgroupMode } from './cgroups.ts';
import { cpusetProblem } from './cpu-set.ts';
import type { ResourceLimits } from './limits.ts';

export type LimitFacts = Pick<CgroupFacts, 'cpus' | 'memoryNodes' | 'features'>;

const leastMemory = 6 * 1024 * 1024;

/** The first limit that cannot be. `update`: limits of a container that is there, which has others already. */
export function resourceProblem(host: ResourceLimits, facts: LimitFacts, update: boolean): string | undefined {
  return (
    memoryProblem(host, update) ?? processorProblem(host) ?? cpusetsProblem(host, facts) ?? blockProblem(host, facts)
  );
}

function memoryProblem(host: ResourceLimits, update: boolean): string | undefined {
  const { Memory: memory = 0, MemorySwap: swap = 0, MemoryReservation: reserved = 0 } = host;
  const swappiness = host.MemorySwappiness ?? -1;
  if (memory !== 0 && memory < leastMemory) return 'Minimum memory limit allowed is 6MB';
  if (memory > 0 && swap > 0 && swap < memory)
    return 'Minimum memoryswap limit should be larger than memory limit, see usage';
  if (memory === 0 && swap > 0 && !update)
    return 'You should always set the Memory limit when using Memoryswap limit, see usage';
  // -1 is how clients say that they have not been asked for it.
  if (swappiness < -1 || swappiness > 100)
    return `Invalid value: ${swappiness}, valid memory swappiness range is 0-100`;
  if (reserved > 0 && reserved < leastMemory) return 'Minimum memory reservation allowed is 6MB';
  if (memory > 0 && reserved > memory)
    return 'Minimum memory limit can not be less than memory reservation limit, see usage';
  return undefined;
}

function processorProblem(host: ResourceLimits): string | undefined {
  const { NanoCpus: nano = 0, CpuPeriod: period = 0, CpuQuota: quota = 0, CpuShares: shares = 0 } = host;
  const processors = availableParallelism();
  if (nano > 0 && period > 0) return 'Conflicting options: Nano CPUs and CPU Period cannot both be set';
  if (nano > 0 && quota > 0) return 'Conflicting options: Nano CPUs and CPU Quota cannot both be set';
  if (nano < 0 || nano > processors * 1e9)
    return `range of CPUs is from 0.01 to ${processors}.00, as there are only ${processors} CPUs available`;
  if (shares < 0) return `invalid CPU shares (${shares}): value must be a positive integer`;
  if (period !== 0 && (period < 1000 || period > 1_000_000))
    return 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)';
  if (quota > 0 && quota < 1000) return 'CPU cfs quota can not be less than 1ms (i.e. 1000)';
  return undefined;
}

/** What runc says of CPU shares that version 1 of cgroups does not have. */
export function sharesProblem(
  { CpuShares: shares = 0 }: Partial<ResourceLimits>,
  mode: CgroupMode,
): string | undefined {
  if (mode === 'v2' || shares === 0) return undefined;
  if (shares < 2) return 'the minimum allowed cpu-shares is 2';
  return shares > 262_144 ? 'the maximum allowed cpu-shares is 262144' : undefined;
}

function cpusetsProblem(host: ResourceLimits, { cpus, memoryNodes }: LimitFacts): string | undefined {
  return (
    cpusetProblem(host.CpusetCpus ?? '', cpus, 'cpus') ?? cpusetProblem(host.CpusetMems ?? '', memoryNodes, 'mems')
  );
}

function blockProblem({ BlkioWeight: weight = 0 }: ResourceLimits, { features }: LimitFacts): string | undefined {
  if (features.has('block weight') && weight > 0 && (weight < 10 || weight > 1000))
    return 'Range of blkio weight is from 10 to 1000';
  return undefined;
}
