import { StrataError } from '../../errors/index.ts';
import type { ContainerRecord } from '../record.ts';
import type { ContainerStore } from '../store.ts';
import type { Container, ContainerConfig, HostConfig } from '../types.ts';

/** `container:<name or id>` -> name or id. */
export function sharedNetwork(host: HostConfig): string | undefined {
  return host.NetworkMode?.startsWith('container:') ? host.NetworkMode.slice('container:'.length) : undefined;
}

/** `invalid_argument` in Docker's words where what a request says of itself (not its image) does not go with its network mode. */
export function checkNetworkMode(config: ContainerConfig, host: HostConfig): void {
  const problem = sharedNetwork(host) === undefined ? modeProblem(config, host) : sharedProblem(config, host);
  if (problem === undefined) return;
  throw new StrataError('invalid_argument', problem, { code: 'conflicting_options' });
}

function modeProblem({ Hostname: hostname }: ContainerConfig, host: HostConfig): string | undefined {
  if (hostname && host.UTSMode === 'host') return 'conflicting options: hostname and the UTS mode';
  if (host.NetworkMode === 'host' && host.Links?.length)
    return "conflicting options: host type networking can't be used with links. This would result in undefined behavior";
  return undefined;
}

/** Names, addresses and ports are those of the other container. */
function sharedProblem(config: ContainerConfig, host: HostConfig): string | undefined {
  if (sharedNetwork(host) === '') return 'invalid network mode: invalid container format container:<name|id>';
  if (config.Hostname) return 'conflicting options: hostname and the network mode';
  if (host.Links?.length)
    return "conflicting options: container type network can't be used with links. This would result in undefined behavior";
  if (host.Dns?.length) return 'conflicting options: dns and the network mode';
  if (host.ExtraHosts?.length) return 'conflicting options: custom host-to-IP mapping and the network mode';
  if (host.PublishAllPorts || Object.keys(host.PortBindings ?? {}).length > 0)
    return 'conflicting options: port publishing and the container type network mode';
  if (Object.keys(config.ExposedPorts ?? {}).length > 0)
    return 'conflicting options: port exposing and the container type network mode';
  return undefined;
}

/** Names the container whose network it is by its id, so that it is found whatever it is called later. */
export function settleNetworkMode(host: HostConfig, store: ContainerStore): HostConfig {
  const other = sharedNetwork(host);
  if (other === undefined) return host;
  try {
    return { ...host, NetworkMode: `container:${store.get(other).id}` };
  } catch (cause) {
    throw new StrataError('invalid_argument', `joining network namespace of container: No such container: ${other}`, {
      code: 'container_not_found',
      cause,
    });
  }
}

/**
 * Id of the container whose files on names (`/etc/hosts` and the others) are those of `id`: where that one is in the
 * network of another itself, that other's.
 */
export function ownerOfNames(id: string, store: Pick<ContainerStore, 'find'>): string {
  const seen = new Set<string>();
  for (let owner = id; ; ) {
    const next = sharedNetwork(store.find(owner)?.host ?? {});
    if (next === undefined || seen.has(next) || !store.find(next)) return owner;
    seen.add(owner);
    owner = next;
  }
}

/** The configuration of a container that starts in the network of `other`: it has that one's host name. */
export function withHostnameOf(record: ContainerRecord, other: Pick<Container, 'config'>): ContainerRecord {
  const { Hostname = '', Domainname = '' } = other.config;
  return { ...record, config: { ...record.config, Hostname, Domainname } };
}
