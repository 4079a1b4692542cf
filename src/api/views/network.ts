import type { Container } from '../../container/index.ts';
import type { Network, NetworkSubnet } from '../../network/index.ts';
import { byName } from '../by-name.ts';

/** `GET /networks/{id}`; without `containers`, one row of `GET /networks`. */
export function networkView(network: Network, containers: readonly Container[] = []): Record<string, unknown> {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: 'local',
    Driver: network.driver === 'none' ? 'null' : network.driver,
    EnableIPv4: true,
    EnableIPv6: network.subnets.some(({ subnet }) => subnet.includes(':')),
    IPAM: {
      Driver: 'default',
      Options: isPredefined(network) ? null : (network.addressOptions ?? {}),
      Config: ipamConfig(network),
    },
    Internal: network.internal,
    Attachable: network.attachable ?? false,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom ?? '' },
    ConfigOnly: network.configOnly ?? false,
    Containers: Object.fromEntries(containers.flatMap((container) => endpointRow(network, container))),
    Options: network.name === 'bridge' ? { ...bridgeDefaults, ...network.options } : network.options,
    Labels: byName(network.labels),
  };
}

/** What holds for the default bridge; clients read these. */
const bridgeDefaults = {
  'com.docker.network.bridge.enable_icc': 'true',
  'com.docker.network.bridge.enable_ip_masquerade': 'true',
  'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
  'com.docker.network.driver.mtu': '1500',
};

const isPredefined = ({ name }: Network) => ['bridge', 'host', 'none'].includes(name);

/** As it was asked for; where nothing was, what was chosen. */
function ipamConfig(network: Network): unknown {
  if (network.driver !== 'bridge' && !network.wanted) return null;
  const chosen = network.subnets.map<NetworkSubnet>(({ subnet, gateway }) => ({
    subnet,
    // The bridge of an isolated network is no gateway.
    ...(gateway && !isIsolated(network) && { gateway }),
  }));
  return (network.wanted ?? chosen).map(({ subnet, ipRange, gateway, auxiliary }) => ({
    Subnet: subnet,
    ...(ipRange && { IPRange: ipRange }),
    ...(gateway && { Gateway: gateway }),
    ...(auxiliary && { AuxiliaryAddresses: auxiliary }),
  }));
}

const isIsolated = ({ options }: Network) => options['com.docker.network.bridge.gateway_mode_ipv4'] === 'isolated';

function endpointRow(network: Network, container: Container): [string, unknown][] {
  const endpoint = container.networks[network.name];
  if (!endpoint || (container.state.status !== 'running' && container.state.status !== 'paused')) return [];
  return [
    [
      container.id,
      {
        Name: container.name,
        EndpointID: endpoint.EndpointID ?? '',
        MacAddress: endpoint.MacAddress ?? '',
        IPv4Address: endpoint.IPAddress ? `${endpoint.IPAddress}/${endpoint.IPPrefixLen ?? 0}` : '',
        IPv6Address: '',
      },
    ],
  ];
}
