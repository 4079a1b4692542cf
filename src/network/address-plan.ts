import { isIPv4 } from 'node:net';
import { StrataError } from '../errors/index.ts';
import {
  firstAddress,
  formatAddress,
  formatSubnet,
  isInSubnet,
  isReserved,
  parseAddress,
  parseWantedSubnet,
  readPrefix,
  type Subnet,
} from './subnet.ts';
import type { NetworkSubnet } from './types.ts';

/** By this name an auxiliary address is the way out of the network, in place of the bridge's own. */
export const defaultGatewayName = 'DefaultGatewayIPv4';

/** `invalid_argument` in Docker's words for addresses that do not go together. Resolves what was left open. */
export function planAddresses(wanted: NetworkSubnet): NetworkSubnet {
  const subnet = parseWantedSubnet(wanted.subnet);
  const problems = [...rangeProblems(wanted, subnet), ...addressProblems(wanted)];
  if (problems.length > 0) {
    const text = problems.length === 1 ? problems[0]! : problems.map((one) => `* ${one}`).join('\n');
    throw new StrataError('invalid_argument', `invalid network config:\n${text}`, { code: 'invalid_subnet' });
  }
  const gateway = chooseGateway(wanted, subnet);
  const taken = new Set([gateway]);
  for (const [name, ip] of Object.entries(wanted.auxiliary ?? {})) {
    if (taken.has(ip) || isReserved(ip, wanted.subnet))
      throw new StrataError(
        'conflict',
        `failed to allocate secondary ip address (${name}:${ip}): Address already in use`,
        {
          code: 'address_in_use',
        },
      );
    taken.add(ip);
  }
  const { ipRange, auxiliary } = wanted;
  return { subnet: formatSubnet(subnet), gateway, ...(ipRange && { ipRange }), ...(auxiliary && { auxiliary }) };
}

function chooseGateway({ gateway, subnet: text, ipRange }: NetworkSubnet, subnet: Subnet): string {
  if (gateway !== undefined) {
    if (!isReserved(gateway, text)) return gateway;
    throw new StrataError('conflict', `failed to allocate gateway (${gateway}): Address already in use`, {
      code: 'address_in_use',
    });
  }
  const range = ipRange === undefined ? undefined : readPrefix(ipRange);
  // Docker takes the first address that it could give out.
  return formatAddress(range && range.base !== subnet.base ? range.base : firstAddress(subnet));
}

function rangeProblems({ subnet: text, ipRange }: NetworkSubnet, subnet: Subnet): readonly string[] {
  if (ipRange === undefined) return [];
  const range = readPrefix(ipRange);
  if (!range) return [`invalid ip-range ${ipRange}: invalid CIDR block notation`];
  if (range.prefix < subnet.prefix)
    return [`invalid ip-range ${ipRange}: CIDR block is bigger than its parent subnet ${text}`];
  if (formatSubnet(range) !== ipRange) return [`invalid ip-range ${ipRange}: it should be ${formatSubnet(range)}`];
  if (!isInSubnet(formatAddress(range.base), text))
    return [`invalid ip-range ${ipRange}: parent subnet ${text} doesn't contain ip-range`];
  return [];
}

function addressProblems({ subnet, gateway, auxiliary = {} }: NetworkSubnet): readonly string[] {
  const named: [string, string][] = [
    ...(gateway === undefined ? [] : ([[`gateway ${gateway}`, gateway]] as [string, string][])),
    ...Object.entries(auxiliary).map(([name, ip]): [string, string] => [`auxiliary address ${name}`, ip]),
  ];
  return named.flatMap(([what, ip]) => {
    if (!isIPv4(ip) || parseAddress(ip) === undefined) return [`invalid ${what}: invalid address`];
    return isInSubnet(ip, subnet) ? [] : [`invalid ${what}: parent subnet ${subnet} doesn't contain this address`];
  });
}
