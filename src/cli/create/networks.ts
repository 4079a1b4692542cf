import { csvFields } from '../flags/csv.ts';
import { invalid } from './invalid.ts';

export interface NetworkChoice {
  readonly target: string;
  readonly aliases: readonly string[];
  readonly driverOpts: Readonly<Record<string, string>>;
  readonly ip: string;
  readonly ip6: string;
  readonly mac: string;
  readonly linkLocal: readonly string[];
  readonly links: readonly string[];
  readonly priority: number;
}

/** Reads `--network`: a name, or `name=backend,alias=db,ip=10.0.0.7`. */
export function parseNetwork(spec: string): NetworkChoice {
  const choice = {
    target: '',
    aliases: [] as string[],
    driverOpts: {} as Record<string, string>,
    ip: '',
    ip6: '',
    mac: '',
    linkLocal: [] as string[],
    links: [],
    priority: 0,
  };
  if (!spec.includes('=')) return { ...choice, target: spec };
  for (const field of csvFields(spec)) {
    const at = field.indexOf('=');
    if (at === -1) throw invalid(`invalid field ${field}`);
    const [key, value] = [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1).trim()];
    switch (key) {
      case 'name':
        choice.target = value;
        break;
      case 'alias':
        choice.aliases.push(value);
        break;
      case 'ip':
        choice.ip = value;
        break;
      case 'ip6':
        choice.ip6 = value;
        break;
      case 'mac-address':
        choice.mac = value;
        break;
      case 'link-local-ip':
        choice.linkLocal.push(value);
        break;
      case 'driver-opt': {
        const [name = '', setting] = value.split(/=(.*)/s);
        if (setting === undefined) throw invalid('invalid key value pair format in driver options');
        choice.driverOpts[name] = setting;
        break;
      }
      case 'gw-priority':
        if (!/^-?\d+$/.test(value)) throw invalid(`invalid gw-priority (${value}): invalid syntax`);
        choice.priority = Number(value);
        break;
      default:
        throw invalid(`invalid field key ${key}`);
    }
  }
  if (choice.target === '') throw invalid('network name/id is not specified');
  return choice;
}

export interface EndpointFlags {
  readonly network: readonly string[];
  readonly aliases: readonly string[];
  readonly links: readonly string[];
  readonly ip: string;
  readonly ip6: string;
  readonly mac: string;
  readonly linkLocal: readonly string[];
}

/** The networks of a container: the mode, and how it takes part in each of them. */
export function networkSettings(flags: EndpointFlags): {
  readonly mode: string;
  readonly endpoints: Readonly<Record<string, object>>;
} {
  const chosen = flags.network.map(parseNetwork);
  const first: NetworkChoice = chosen[0] ?? { ...parseNetwork('default') };
  const joined = [withFlags(first, flags), ...chosen.slice(1)];
  for (const { target } of joined) {
    if (joined.length > 1 && (target === 'host' || target === 'none' || target.startsWith('container:'))) {
      throw invalid('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
    }
  }
  const endpoints: Record<string, object> = {};
  for (const choice of joined) {
    if (Object.hasOwn(endpoints, choice.target))
      throw invalid(`network ${JSON.stringify(choice.target)} is specified multiple times`);
    endpoints[choice.target] = endpointOf(choice);
  }
  return { mode: first.target, endpoints: joined.length === 1 && isPlain(joined[0]!) ? {} : endpoints };
}

function withFlags(choice: NetworkChoice, flags: EndpointFlags): NetworkChoice {
  const { target } = choice;
  const ownName = !['default', 'bridge', 'host', 'none'].includes(target) && !target.startsWith('container:');
  if (choice.aliases.length > 0 && flags.aliases.length > 0) {
    throw invalid('conflicting options: cannot specify both --network-alias and per-network alias');
  }
  if (choice.ip && flags.ip)
    throw invalid('conflicting options: cannot specify both --ip and per-network IPv4 address');
  return {
    ...choice,
    aliases: [...choice.aliases, ...flags.aliases],
    // On the default bridge, links belong to the host configuration.
    links: ownName ? flags.links : [],
    ip: choice.ip || flags.ip,
    ip6: choice.ip6 || flags.ip6,
    mac: choice.mac || flags.mac,
    linkLocal: [...choice.linkLocal, ...flags.linkLocal],
  };
}

function isPlain(choice: NetworkChoice): boolean {
  return Object.keys(endpointOf(choice)).length === 0;
}

function endpointOf({ aliases, links, ip, ip6, mac, linkLocal, driverOpts, priority }: NetworkChoice): object {
  const address = {
    ...(ip && { IPv4Address: ip }),
    ...(ip6 && { IPv6Address: ip6 }),
    ...(linkLocal.length > 0 && { LinkLocalIPs: linkLocal }),
  };
  return {
    ...(Object.keys(address).length > 0 && { IPAMConfig: address }),
    ...(aliases.length > 0 && { Aliases: aliases }),
    ...(links.length > 0 && { Links: links }),
    ...(mac && { MacAddress: mac }),
    ...(Object.keys(driverOpts).length > 0 && { DriverOpts: driverOpts }),
    ...(priority !== 0 && { GwPriority: priority }),
  };
}
