import { StrataError } from '../errors/index.ts';
import { type EndpointSettings, isInSubnet, type NetworkMember, type Networks } from '../network/index.ts';
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
  const out: Record<string, EndpointSettings> = {
    [first]: askedEndpoint(networks, first, endpoints[mode] ?? endpoints[first] ?? {}),
  };
  for (const [ref, settings] of Object.entries(endpoints)) {
    if (ref === mode) continue;
    const { name } = networks.get(ref);
    if (name !== first || ref !== name) out[name] = askedEndpoint(networks, name, settings);
  }
  return out;
}

/** What a request may say of an endpoint; `invalid_argument` where the network has no room for it. */
export function askedEndpoint(networks: Networks, network: string, given: EndpointSettings): EndpointSettings {
  const { MacAddress, IPAddress: _, Gateway: _1, IPPrefixLen: _2, NetworkID: _3, EndpointID: _4, ...asked } = given;
  const problems = endpointProblems(networks, network, asked);
  if (problems.length === 0) return { ...asked, ...(MacAddress && { wantedMacAddress: MacAddress }) };
  const text = problems.length === 1 ? problems[0]! : problems.map((one) => `* ${one}`).join('\n');
  throw new StrataError('invalid_argument', `invalid endpoint settings:\n${text}`, { code: 'invalid_endpoint' });
}

function endpointProblems(networks: Networks, network: string, asked: EndpointSettings): readonly string[] {
  const ip = asked.IPAMConfig?.IPv4Address;
  const isPredefined = ['bridge', 'host', 'none'].includes(network);
  const isOutside =
    ip !== undefined && ip !== '' && !networks.get(network).subnets.some(({ subnet }) => isInSubnet(ip, subnet));
  return [
    ...(isPredefined && ip ? ['user specified IP address is supported on user defined networks only'] : []),
    ...(isOutside ? [`no configured subnet or ip-range contain the IP address ${ip}`] : []),
    ...(isPredefined && asked.Aliases?.length
      ? ['network-scoped alias is supported only for containers in user defined networks']
      : []),
  ];
}

/** Attaches a container that runs to one more network. */
export async function joinOneMore(
  record: ContainerRecord,
  networks: Networks,
  name: string,
  asked: EndpointSettings,
): Promise<EndpointSettings> {
  return { ...asked, ...(await networks.join(record.id, record.name, memberOf(name, asked))) };
}

/** The endpoints of a container that has another name now, which its networks are told. */
export async function renameOnNetworks(
  record: ContainerRecord,
  networks: Networks,
): Promise<Record<string, EndpointSettings>> {
  const members = Object.entries(record.networks).map(([name, settings]) => memberOf(name, settings));
  const names = await networks.rename(record.id, record.name, members);
  return Object.fromEntries(
    Object.entries(record.networks).map(([name, settings]) => [
      name,
      names[name] ? { ...settings, DNSNames: names[name] } : settings,
    ]),
  );
}

function memberOf(name: string, settings: EndpointSettings): NetworkMember {
  return {
    name,
    aliases: settings.Aliases ?? [],
    ...(settings.IPAMConfig?.IPv4Address && { ip: settings.IPAMConfig.IPv4Address }),
    ...(settings.wantedMacAddress && { mac: settings.wantedMacAddress }),
  };
}

/** Attaches a container that is about to start; `networks.disconnect` gives back what it takes. */
export async function joinNetwork(
  record: ContainerRecord,
  networks: Networks,
  store: ContainerStore,
): Promise<JoinedNetwork> {
  const { host, config } = record;
  const mode = host.NetworkMode || 'default';
  const isAlone = mode === 'none' && Object.keys(record.networks).every((name) => name === 'none');
  if (mode === 'host' || isAlone || config.NetworkDisabled)
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
      networks: Object.entries(record.networks).map(([name, settings]) => memberOf(name, settings)),
      ports: portsToPublish(record.config, record.host),
      reusable: !canChangeNetwork(record.host),
    });
  } catch (error) {
    if (
      !(error instanceof StrataError) ||
      !['port_allocated', 'port_in_use', 'port_not_bound'].includes(error.code ?? '')
    )
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
