import { isIP } from 'node:net';
import { StrataError } from '../errors/index.ts';
import { noBool, parseBool } from '../oci/index.ts';
import type { Network } from './types.ts';

/** How a network is reached from outside, and what leaves it looks like (`com.docker.network.bridge.gateway_mode_ipv4`). */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated';

/** What the options of a bridge network ask for. */
export interface BridgeOptions {
  /** Its containers reach each other. */
  readonly icc: boolean;
  /** What leaves it has the host's address. */
  readonly masquerade: boolean;
  readonly mode: GatewayMode;
  /** The bridge has no address: its gateway is somebody else's. */
  readonly inhibited: boolean;
  readonly bridge?: string;
  /** Bytes; the kernel's choice where absent. */
  readonly mtu?: number;
  /** Where ports are published for which no address was asked. */
  readonly hostBinding?: string;
  /** The address that what leaves it has, in place of the one of the interface. */
  readonly hostAddress?: string;
  /** Begin of the names of its interfaces in containers. */
  readonly interfacePrefix: string;
  /** Interfaces of the host from which all ports of its containers can be reached. */
  readonly trusted: readonly string[];
}

const modes: readonly GatewayMode[] = ['nat', 'nat-unprotected', 'routed', 'isolated'];

const keys = {
  icc: 'com.docker.network.bridge.enable_icc',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  mode: 'com.docker.network.bridge.gateway_mode_ipv4',
  mode6: 'com.docker.network.bridge.gateway_mode_ipv6',
  inhibited: 'com.docker.network.bridge.inhibit_ipv4',
  name: 'com.docker.network.bridge.name',
  mtu: 'com.docker.network.driver.mtu',
  hostBinding: 'com.docker.network.bridge.host_binding_ipv4',
  hostAddress: 'com.docker.network.host_ipv4',
  interfacePrefix: 'com.docker.network.container_iface_prefix',
  trusted: 'com.docker.network.bridge.trusted_host_interfaces',
  ipv4: 'com.docker.network.enable_ipv4',
  ipv6: 'com.docker.network.enable_ipv6',
  hostAddress6: 'com.docker.network.host_ipv6',
} as const;

const known = new Set<string>([...Object.values(keys), 'com.docker.network.bridge.default_bridge']);

/** `invalid_argument` in Docker's words for a value that cannot be. */
export function bridgeOptions(given: Readonly<Record<string, string>>): BridgeOptions {
  const flag = (key: string, otherwise: boolean) => {
    const text = given[key];
    if (text === undefined) return otherwise;
    return parseBool(text) ?? refuse(key, text, noBool(text));
  };
  const mode = (key: string): GatewayMode => {
    const text = given[key] || 'nat';
    return modes.find((one) => one === text) ?? refuse(key, text, `unknown gateway mode ${text}`);
  };
  const address = (key: string) => {
    const text = given[key];
    if (text !== undefined && isIP(text) === 0) refuse(key, text, 'nil ip');
    return text;
  };
  mode(keys.mode6);
  const options: BridgeOptions = {
    icc: flag(keys.icc, true),
    masquerade: flag(keys.masquerade, true),
    mode: mode(keys.mode),
    inhibited: flag(keys.inhibited, false),
    interfacePrefix: given[keys.interfacePrefix] || 'eth',
    trusted: (given[keys.trusted] ?? '').split(':').filter((name) => name !== ''),
    ...optional('bridge', given[keys.name]),
    ...optional('mtu', mtu(given[keys.mtu])),
    ...optional('hostBinding', address(keys.hostBinding)),
    ...optional('hostAddress', address(keys.hostAddress)),
  };
  for (const name of options.trusted) checkInterfaceName(name, keys.trusted);
  if (options.interfacePrefix.length > 13 || !isInterfaceName(options.interfacePrefix))
    refuse(
      keys.interfacePrefix,
      options.interfacePrefix,
      'names of interfaces have at most 15 characters, no / and no blank',
    );
  return options;
}

/** What the options say of address families that a request says elsewhere, too. */
export function familiesAsked(given: Readonly<Record<string, string>>): {
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
} {
  const flag = (key: string) => {
    const text = given[key];
    return text === undefined ? undefined : (parseBool(text) ?? refuse(key, text, noBool(text)));
  };
  return { ...optional('ipv4', flag(keys.ipv4)), ...optional('ipv6', flag(keys.ipv6)) };
}

/** Names of options that change nothing here, for a warning: Docker keeps them without a word. */
export function unknownOptions(given: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(given).filter((key) => !known.has(key));
}

/** A name that the kernel takes for an interface. */
export function isInterfaceName(name: string): boolean {
  return /^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..';
}

function checkInterfaceName(name: string, key: string): void {
  if (!isInterfaceName(name)) refuse(key, name, 'not the name of an interface');
}

function mtu(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d{1,18}$/.test(text))
    refuse(keys.mtu, text, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const bytes = Number(text);
  if (bytes < 0 || bytes > 65535 || (bytes > 0 && bytes < 68))
    throw new StrataError('invalid_argument', `invalid MTU number: ${text}`, {
      code: 'invalid_option',
      hint: 'bytes, from 68 to 65535',
    });
  return bytes === 0 ? undefined : bytes;
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: Value };
}

function refuse(key: string, value: string, why: string): never {
  throw new StrataError('invalid_argument', `failed to parse ${key} value: ${value} (${why})`, {
    code: 'invalid_option',
  });
}

/**
 * Where the containers of a network ask for names; undefined where there are none: on the default bridge, as in Docker,
 * and where the bridge has no address that a name server could listen on.
 */
export function nameServerOf({ name, driver, options, subnets }: Network): string | undefined {
  if (name === 'bridge' || driver !== 'bridge' || bridgeOptions(options).inhibited) return undefined;
  return subnets[0]?.gateway;
}
