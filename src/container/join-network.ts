import { StrataError } from '../errors/index.ts';
import type { EndpointSettings, Networks } from '../network/index.ts';
import { portsToPublish } from './configure.ts';
import { type ContainerRecord, hasProcess } from './record.ts';
import type { SpecInput } from './spec.ts';
import type { ContainerStore } from './store.ts';
import type { Container, HostConfig } from './types.ts';

export interface JoinedNetwork {
  readonly network: SpecInput['network'];
  readonly endpoints: Record<string, EndpointSettings>;
  readonly ports: Container['ports'];
  /** Id of the container whose network this is. */
  readonly shared?: string;
}

/** `container:<name>` -> name. */
export function sharedNetwork(host: HostConfig): string | undefined {
  return host.NetworkMode?.startsWith('container:') ? host.NetworkMode.slice('container:'.length) : undefined;
}

/** The networks that a new container asks for, by their names. */
export function requestedNetworks(
  host: HostConfig,
  endpoints: Readonly<Record<string, EndpointSettings>>,
  networks: Networks,
  store: ContainerStore,
): Record<string, EndpointSettings> {
  const mode = host.NetworkMode || 'default';
  const other = sharedNetwork(host);
  if (other !== undefined) {
    store.get(other);
    return {};
  }
  const first = mode === 'default' ? 'bridge' : networks.get(mode).name;
  const out: Record<string, EndpointSettings> = { [first]: endpoints[mode] ?? endpoints[first] ?? {} };
  for (const [name, settings] of Object.entries(endpoints))
    if (name !== mode && name !== first) out[networks.get(name).name] = settings;
  return out;
}

/** Attaches a container that is about to start; `networks.disconnect` gives back what it takes. */
export async function joinNetwork(
  record: ContainerRecord,
  networks: Networks,
  store: ContainerStore,
): Promise<JoinedNetwork> {
  const { host, config } = record;
  const mode = host.NetworkMode || 'default';
  if (mode === 'host' || mode === 'none' || config.NetworkDisabled)
    return { network: { kind: mode === 'host' ? 'host' : 'none' }, endpoints: { ...record.networks }, ports: {} };
  const shared = sharedNetwork(host);
  if (shared !== undefined) {
    const other = store.get(shared);
    if (!hasProcess(other))
      throw new StrataError('conflict', `cannot join network of a non running container: ${other.id}`);
    const path = `/proc/${other.state.pid}/ns/net`;
    return { network: { kind: 'path', path }, endpoints: {}, ports: {}, shared: other.id };
  }
  const made = await connect(record, networks);
  const exposed = Object.keys(config.ExposedPorts ?? {}).map((port) => [
    port.includes('/') ? port : `${port}/tcp`,
    null,
  ]);
  return {
    network: { kind: 'path', path: made.sandbox.path },
    endpoints: Object.fromEntries(
      Object.entries(made.endpoints).map(([name, settings]) => [name, { ...record.networks[name], ...settings }]),
    ),
    ports: { ...Object.fromEntries(exposed), ...made.ports },
  };
}

async function connect(record: ContainerRecord, networks: Networks): ReturnType<Networks['connect']> {
  try {
    return await networks.connect({
      containerID: record.id,
      containerName: record.name,
      networks: Object.entries(record.networks).map(([name, settings]) => ({
        name,
        aliases: settings.Aliases ?? [],
        ...(settings.IPAMConfig?.IPv4Address && { ip: settings.IPAMConfig.IPv4Address }),
      })),
      ports: portsToPublish(record.config, record.host),
      reusable: !canChangeNetwork(record.host),
    });
  } catch (error) {
    if (!(error instanceof StrataError) || (error.code !== 'port_allocated' && error.code !== 'port_in_use'))
      throw error;
    throw new StrataError(
      'conflict',
      `failed to set up container networking: driver failed programming external connectivity on endpoint ${record.name} (${record.id}): ${error.message}`,
      { code: error.code, exitCode: 125, ...(error.hint && { hint: error.hint }) },
    );
  }
}

function canChangeNetwork(host: HostConfig): boolean {
  return (
    host.Privileged === true ||
    (host.CapAdd ?? []).some((name) => /^(CAP_)?(ALL|NET_ADMIN|SYS_ADMIN)$/i.test(name)) ||
    Object.keys(host.Sysctls ?? {}).length > 0
  );
}
