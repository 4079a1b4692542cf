import { type RuntimeFacts, resourceWarnings } from '../../runtime/index.ts';
import type { HostConfig } from '../types.ts';
import { securityOf } from './security-options.ts';

/** What of a HostConfig this host cannot do and leaves out, in Docker's words. */
export function hostConfigWarnings(host: HostConfig, facts: RuntimeFacts): string[] {
  const published = host.NetworkMode === 'host' && Object.keys(host.PortBindings ?? {}).length > 0;
  return [
    ...securityOf(host).warnings,
    ...privilegedWarnings(host),
    ...(facts.capabilities.has('CAP_SYS_RESOURCE') || (host.OomScoreAdj ?? 0) >= 0
      ? []
      : ['The daemon may not make a process a less likely victim of the OOM killer. OomScoreAdj discarded.']),
    ...resourceWarnings(host, facts),
    ...(published ? ['Published ports are discarded when using host network mode'] : []),
  ];
}

/** What a privileged container has whatever else is asked for. */
function privilegedWarnings({ Privileged: privileged, CapDrop: drop, Devices: devices }: HostConfig): string[] {
  if (!privileged) return [];
  const limited = devices?.some(({ CgroupPermissions: access = '' }) => !['', 'rwm'].includes(access));
  return [
    ...(drop?.length ? ['A privileged container has all capabilities: CapDrop is discarded.'] : []),
    ...(limited ? ['Custom cgroup permissions of devices are ignored in a privileged container.'] : []),
  ];
}
