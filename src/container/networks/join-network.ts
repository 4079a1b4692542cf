import { isIP, isIPv4, isIPv6 } from 'node:net';
import { StrataError } from '../../errors/index.ts';
import {
  driverOptionProblems,
  type EndpointSettings,
  isInSubnet,
  type Network,
  type NetworkMember,
  type Networks,
  unknownDriverOptions,
} from '../../network/index.ts';
import type { SpecInput } from '../../runtime/index.ts';
import { type ContainerRecord, hasProcess } from '../record.ts';
import { portsToPublish } from '../request/configure.ts';
import type { ContainerStore } from '../store.ts';
import type { Container, HostConfig } from '../types.ts';
import { sharedNetwork } from './network-mode.ts';

export interface JoinedNetwork {
  readonly network: SpecInput['network'];
  readonly endpoints: Record<string, EndpointSettings>;
  readonly ports: Container['ports'];
  /** Id of the container whose network this is. */
  readonly shared?: string;
}

/**
 * The networks that a new container asks for, by their names. One that is not there is kept as it was called: it may be
 * there when the container starts.
 */
export function requestedNetworks(
  host: HostConfig,
  given: Readonly<Record<string, EndpointSettings>>,
  networks: Networks,
): Record<string, EndpointSettings> {
  const mode = plainMode(host.NetworkMode);
  const endpoints = Object.fromEntries(Object.entries(given).map(([ref, settings]) => [plainMode(ref), settings]));
  const asked = (ref: string, settings: EndpointSettings) => {
    const network = knownNetwork(networks, ref);
    return network ? askedEndpoint(network, settings, `invalid config for network ${ref}: `) : keptFields(settings);
  };
  const nameOf = (ref: string) => knownNetwork(networks, ref)?.name ?? ref;
  if (sharedNetwork(host) !== undefined) {
    for (const [ref, settings] of Object.entries(endpoints))
      askedEndpoint({ name: 'container', subnets: [] }, settings, `invalid config for network ${ref}: `);
    return {};
  }
  const first = nameOf(mode);
  const out: Record<string, EndpointSettings> = {
    [first]: asked(mode, endpoints[mode] ?? endpoints[first] ?? {}),
  };
  for (const [ref, settings] of Object.entries(endpoints)) {
    if (ref === mode) continue;
    const name = nameOf(ref);
    if (name !== first || ref !== name) out[name] = asked(ref, settings);
  }
  return out;
}

/** Clients call the default network by that word, too. */
function plainMode(mode = ''): string {
  return mode === '' || mode === 'default' ? 'bridge' : mode;
}

function knownNetwork(networks: Networks, ref: string): Pick<Network, 'name' | 'subnets'> | undefined {
  try {
    return networks.get(ref);
  } catch (error) {
    if (!(error instanceof StrataError) || error.kind !== 'not_found') throw error;
    // The default one is made when it is first needed.
    return ref === 'bridge' ? { name: ref, subnets: [] } : undefined;
  }
}

/** What a request may say of an endpoint; `invalid_argument` where the network has no room for it, with `before` in front of the message. */
export function askedEndpoint(
  network: Pick<Network, 'name' | 'subnets'>,
  given: EndpointSettings,
  before = '',
): EndpointSettings {
  const asked = keptFields(given);
  if (asked.wantedMacAddress && !isMacAddress(asked.wantedMacAddress))
    throw new StrataError('invalid_argument', `${before}invalid MAC address ${asked.wantedMacAddress}`, {
      code: 'invalid_endpoint',
    });
  const problems = endpointProblems(network, asked);
  if (problems.length === 0) return asked;
  const text = problems.length === 1 ? problems[0]! : problems.map((one) => `* ${one}`).join('\n');
  throw new StrataError('invalid_argument', `${before}invalid endpoint settings:\n${text}`, {
    code: 'invalid_endpoint',
  });
}

const isMacAddress = (text: string) => /^[\da-f]{2}([:-][\da-f]{2}){5}$|^[\da-f]{4}(\.[\da-f]{4}){2}$/i.test(text);

/** What was asked of endpoints and changes nothing. */
export function endpointWarnings(endpoints: Readonly<Record<string, EndpointSettings>>): readonly string[] {
  return Object.entries(endpoints).flatMap(([name, { DriverOpts = {} }]) =>
    unknownDriverOptions(DriverOpts).map(
      (key) => `driver option ${JSON.stringify(key)} is unknown on network ${name} and has no effect`,
    ),
  );
}

/** For a request that has no room for warnings: `invalid_argument`. */
export function refuseUnknownOptions({ DriverOpts = {} }: EndpointSettings): void {
  const [key] = unknownDriverOptions(DriverOpts);
  if (key === undefined) return;
  throw new StrataError('invalid_argument', `unknown driver option ${JSON.stringify(key)}`, {
    code: 'invalid_endpoint',
    hint: 'com.docker.network.endpoint.sysctls and com.docker.network.endpoint.ifname are known',
  });
}

function keptFields(given: EndpointSettings): EndpointSettings {
  const { MacAddress, IPAddress: _, Gateway: _1, IPPrefixLen: _2, NetworkID: _3, EndpointID: _4, ...asked } = given;
  return { ...asked, ...(MacAddress && { wantedMacAddress: MacAddress }) };
}

function endpointProblems(
  { name, subnets }: Pick<Network, 'name' | 'subnets'>,
  asked: EndpointSettings,
): readonly string[] {
  const { IPv4Address: ip4 = '', IPv6Address: ip6 = '' } = asked.IPAMConfig ?? {};
  const isPredefined = ['bridge', 'host', 'none', 'container'].includes(name);
  const unconfigured =
    'user specified IP address is supported only when connecting to networks with user configured subnets';
  return [
    ...(isPredefined && (ip4 || ip6) ? ['user specified IP address is supported on user defined networks only'] : []),
    ...(isPredefined && asked.Aliases?.length
      ? ['network-scoped alias is supported only for containers in user defined networks']
      : []),
    ...(ip4 && !isIPv4(ip4) ? [`invalid IPv4 address: ${ip4}`] : []),
    ...(ip6 && !isIPv6(ip6) ? [`invalid IPv6 address: ${ip6}`] : []),
    ...(ip4 && name !== 'container' && subnets.length === 0 ? [unconfigured] : []),
    ...(ip4 && subnets.length > 0 && !subnets.some(({ subnet }) => isInSubnet(ip4, subnet))
      ? [`no configured subnet or ip-range contain the IP address ${ip4}`]
      : []),
    ...(asked.IPAMConfig?.LinkLocalIPs ?? [])
      .filter((ip) => !isIP(ip))
      .map((ip) => `invalid link-local IP address: ${ip}`),
    ...driverOptionProblems(asked.DriverOpts ?? {}),
    // No network has IPv6 subnets.
    ...(ip6 && name !== 'container' ? [unconfigured] : []),
  ];
}

/** Attaches a container that runs to one more network. */
export async function joinOneMore(
  record: ContainerRecord,
  networks: Networks,
  name: string,
  asked: EndpointSettings,
): Promise<EndpointSettings> {
  return kept(asked, await networks.join(record.id, record.name, memberOf(record, name, asked)));
}

function kept(asked: EndpointSettings, given: EndpointSettings): EndpointSettings {
  return { ...asked, ...given, ...(given.IPAddress && { lastAddress: given.IPAddress }) };
}

/** The endpoints of a container that has another name now, which its networks are told. */
export async function renameOnNetworks(
  record: ContainerRecord,
  networks: Networks,
): Promise<Record<string, EndpointSettings>> {
  const members = Object.entries(record.networks).map(([name, settings]) => memberOf(record, name, settings));
  const names = await networks.rename(record.id, record.name, members);
  return Object.fromEntries(
    Object.entries(record.networks).map(([name, settings]) => [
      name,
      names[name] ? { ...settings, DNSNames: names[name] } : settings,
    ]),
  );
}

function memberOf(record: ContainerRecord, name: string, settings: EndpointSettings): NetworkMember {
  const { Hostname: hostname } = record.config;
  return {
    name,
    aliases: settings.Aliases ?? [],
    ...(hostname && { hostname }),
    ...(settings.IPAMConfig?.IPv4Address && { ip: settings.IPAMConfig.IPv4Address }),
    ...(settings.lastAddress && { lastIP: settings.lastAddress }),
    ...(settings.wantedMacAddress && { mac: settings.wantedMacAddress }),
    ...(settings.IPAMConfig?.LinkLocalIPs?.length && { linkLocal: settings.IPAMConfig.LinkLocalIPs }),
    ...(settings.DriverOpts && { driverOptions: settings.DriverOpts }),
    ...(settings.GwPriority && { priority: settings.GwPriority }),
  };
}

/** Attaches a container that is about to start; `networks.disconnect` gives back what it takes. */
export async function joinNetwork(
  record: ContainerRecord,
  networks: Networks,
  store: ContainerStore,
): Promise<JoinedNetwork> {
  const { host, config } = record;
  const names = Object.keys(record.networks);
  const [only] = names.length === 1 ? names : [];
  const isHost = host.NetworkMode === 'host' || only === 'host';
  const isNone = only === 'none' || (host.NetworkMode === 'none' && names.length === 0);
  if (isHost || isNone || config.NetworkDisabled)
    return { network: { kind: isHost ? 'host' : 'none' }, endpoints: { ...record.networks }, ports: {} };
  const shared = sharedNetwork(host);
  if (shared !== undefined) {
    const other = store.get(shared);
    if (other.id === record.id) throw new StrataError('conflict', 'cannot join own network namespace');
    if (!hasProcess(other))
      throw new StrataError(
        'conflict',
        `cannot join network namespace of a non running container: container ${other.name} is ${other.state.status}`,
      );
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
      Object.entries(made.endpoints).map(([name, settings]) => [name, kept(record.networks[name] ?? {}, settings)]),
    ),
    ports: { ...Object.fromEntries(exposed), ...made.ports },
  };
}

const networkCodes = ['network_not_found', 'address_in_use', 'no_free_address', 'endpoint_failed', 'network_fixed'];

async function connect(record: ContainerRecord, networks: Networks): ReturnType<Networks['connect']> {
  try {
    return await networks.connect({
      containerID: record.id,
      containerName: record.name,
      networks: Object.entries(record.networks).map(([name, settings]) => memberOf(record, name, settings)),
      ports: portsToPublish(record.config, record.host),
      dns: record.host.Dns ?? [],
      reusable: !canChangeNetwork(record.host),
    });
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    const isOfPorts = ['port_allocated', 'port_in_use', 'port_not_bound'].includes(error.code ?? '');
    const isOfNetworks = networkCodes.includes(error.code ?? '');
    if (!isOfPorts && !isOfNetworks) throw error;
    const where = isOfPorts
      ? `driver failed programming external connectivity on endpoint ${record.name} (${record.id}): `
      : '';
    throw new StrataError(
      isOfPorts ? 'conflict' : error.kind,
      `failed to set up container networking: ${where}${error.message}`,
      { ...(error.code && { code: error.code }), exitCode: 125, ...(error.hint && { hint: error.hint }) },
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
