import { availableParallelism } from 'node:os';
import { StrataError } from '../../errors/index.ts';
import type { ContainerRecord } from '../record.ts';
import type { HostConfig } from '../types.ts';

/** What of an update is a change: clients send every field, those that nobody asked for as zero or empty. */
export function changesOf(given: Partial<HostConfig>): Partial<HostConfig> {
  const asked = ([name, value]: [string, unknown]) =>
    name === 'RestartPolicy' ? Boolean(given.RestartPolicy?.Name) : Array.isArray(value) ? value.length > 0 : value;
  const changes: Partial<HostConfig> = Object.fromEntries(Object.entries(given).filter(asked));
  // Less than nothing is no limit.
  return (changes.PidsLimit ?? 0) < 0 ? { ...changes, PidsLimit: 0 } : changes;
}

/** PID_MAX_LIMIT of linux/threads.h. */
const mostProcesses = 4_194_304;

/**
 * The limits that a running container is to have. crun cannot write "none" over a limit that there is: the most that
 * the host can give is the same.
 */
export function runningLimits(host: HostConfig, changes: Partial<HostConfig>): HostConfig {
  const processors = (host.CpuPeriod || 100_000) * availableParallelism();
  return {
    ...host,
    ...((changes.CpuQuota ?? 0) < 0 && { CpuQuota: processors }),
    ...(changes.PidsLimit === 0 && { PidsLimit: mostProcesses }),
  };
}

/** `conflict`, in Docker's words, where new limits do not go with those that a container has already. */
export function checkAgainst({ id, host }: ContainerRecord, changes: Partial<HostConfig>): void {
  const problem =
    processorConflict(host, changes) ?? memoryConflict(host, changes) ?? restartConflict(host, changes.RestartPolicy);
  if (problem !== undefined)
    throw new StrataError('conflict', `Cannot update container ${id}: ${problem}`, { code: 'conflicting_update' });
}

function processorConflict(host: HostConfig, changes: Partial<HostConfig>): string | undefined {
  const fields = [
    ['CpuPeriod', 'CPU Period'],
    ['CpuQuota', 'CPU Quota'],
  ] as const;
  for (const [field, name] of fields) {
    if (changes.NanoCpus && host[field])
      return `Conflicting options: Nano CPUs cannot be updated as ${name} has already been set`;
    if (changes[field] && host.NanoCpus)
      return `Conflicting options: ${name} cannot be updated as NanoCPUs has already been set`;
  }
  return undefined;
}

function memoryConflict(host: HostConfig, { Memory = 0, MemorySwap = 0 }: Partial<HostConfig>): string | undefined {
  if (Memory > 0 && MemorySwap === 0 && Memory > (host.MemorySwap ?? 0))
    return 'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time';
  if (MemorySwap > 0 && Memory === 0 && MemorySwap < (host.Memory ?? 0))
    return 'Minimum memoryswap limit should be larger than memory limit, see usage';
  return undefined;
}

function restartConflict({ AutoRemove }: HostConfig, policy: HostConfig['RestartPolicy']): string | undefined {
  return AutoRemove && (policy?.Name || 'no') !== 'no'
    ? 'Restart policy cannot be updated because AutoRemove is enabled for the container'
    : undefined;
}
