import type { RuntimeFacts } from '../../runtime/index.ts';
import type { HostConfig } from '../types.ts';

/** What Docker makes of the host configuration of a request before it keeps it: defaults that depend on others. */
export function settleHost(
  given: HostConfig,
  facts: Pick<RuntimeFacts, 'cgroups' | 'controllers' | 'features' | 'swapLimit'>,
): HostConfig {
  const {
    MemorySwappiness: swappiness,
    PidsLimit: pids,
    // Told as discarded, or gone from Docker: what is shown is what counts.
    CpuPercent: _percent,
    KernelMemory: _kernel,
    BlkioWeight: weight,
    BlkioWeightDevice: weights,
    SecurityOpt: security,
    ...rest
  } = given as HostConfig & { readonly KernelMemory?: number };
  const swap = memorySwap(given, facts);
  const settled = sharesTheHost(given) && !hasLabel(security) ? [...(security ?? []), 'label=disable'] : security;
  return {
    ...rest,
    CgroupnsMode: given.CgroupnsMode || (facts.cgroups === 'v2' ? 'private' : 'host'),
    ...(swap !== undefined && { MemorySwap: swap }),
    ...(weight && facts.features.has('block weight') && { BlkioWeight: weight }),
    ...(weights && { BlkioWeightDevice: facts.features.has('block weight of a device') ? weights : [] }),
    ...(settled && { SecurityOpt: settled }),
    ...(typeof swappiness === 'number' && swappiness >= 0 && { MemorySwappiness: swappiness }),
    ...(typeof pids === 'number' && pids > 0 && { PidsLimit: pids }),
    ...(given.LogConfig && { LogConfig: { ...given.LogConfig, Type: given.LogConfig.Type || 'json-file' } }),
  };
}

/** What shares processes or memory with the host has no label of its own. */
function sharesTheHost({ Privileged: privileged, IpcMode: ipc, PidMode: pid }: HostConfig): boolean {
  return privileged === true || ipc === 'host' || pid === 'host';
}

const hasLabel = (options: readonly string[] = []) => options.some((option) => option.split('=', 1)[0] === 'label');

/** As much swap as memory, where swap can be limited; -1 is no limit. */
function memorySwap(
  { Memory: memory, MemorySwap: swap }: HostConfig,
  { controllers, swapLimit }: Pick<RuntimeFacts, 'controllers' | 'swapLimit'>,
): number | undefined {
  if (!memory || swap) return swap;
  return controllers.has('memory') && !swapLimit ? -1 : memory * 2;
}
