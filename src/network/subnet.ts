import { isIP, isIPv4, isIPv6 } from 'node:net';
import { StrataError } from '../errors/index.ts';

/** An IPv4 subnet as numbers. */
export interface Subnet {
  readonly base: number;
  readonly prefix: number;
}

export function parseSubnet(text: string): Subnet {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(text);
  const base = match ? parseAddress(match[1]!) : undefined;
  const prefix = Number(match?.[2]);
  if (base === undefined || !(prefix >= 8 && prefix <= 30)) {
    throw new StrataError('invalid_argument', `invalid subnet ${JSON.stringify(text)}`, {
      code: 'invalid_subnet',
      hint: 'an IPv4 subnet with a prefix of 8 to 30, for example 10.90.0.0/16',
    });
  }
  return { base: (base & mask(prefix)) >>> 0, prefix };
}

/** A subnet as a user gives it for a network: it must be one, and not an address in one. */
export function parseWantedSubnet(text: string): Subnet {
  const refuse = (why: string, hint?: string) =>
    new StrataError('invalid_argument', `invalid network config:\ninvalid subnet ${text}: ${why}`, {
      code: 'invalid_subnet',
      ...(hint && { hint }),
    });
  const [address = '', prefix = '', ...rest] = text.split('/');
  const isPrefix = /^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIPv6(address) ? 128 : 32);
  if (isIP(address) === 0 || !isPrefix || rest.length > 0) throw refuse('invalid CIDR block notation');
  if (isIPv6(address))
    throw new StrataError('unsupported', `invalid subnet ${text}: containers have IPv4 addresses alone`, {
      code: 'ipv6_subnet',
    });
  const bits = Number(prefix);
  const base = bits === 0 ? 0 : (parseAddress(address)! & mask(bits)) >>> 0;
  if (base !== parseAddress(address)) throw refuse(`it should be ${formatSubnet({ base, prefix: bits })}`);
  return parseSubnet(text);
}

export function parseAddress(text: string): number | undefined {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

export function formatSubnet({ base, prefix }: Subnet): string {
  return `${formatAddress(base)}/${prefix}`;
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  const shared = mask(Math.min(a.prefix, b.prefix));
  return (a.base & shared) === (b.base & shared);
}

/** Whether an IPv4 address, as text, belongs to a subnet such as `10.1.0.0/16`. */
export function isInSubnet(ip: string, subnet: string): boolean {
  const address = parseAddress(ip);
  return address !== undefined && overlaps({ base: address, prefix: 32 }, parseSubnet(subnet));
}

/** Whether it is the subnet's own address or the one to all in it, which nobody can have. */
export function isReserved(ip: string, subnet: string): boolean {
  const { base, prefix } = parseSubnet(subnet);
  const address = parseAddress(ip);
  return address === base || address === base + 2 ** (32 - prefix) - 1;
}

/** The first host address: the gateway's, unless another was asked for. */
export function firstAddress({ base }: Subnet): number {
  return base + 1;
}

/** First and last address of a subnet that a host can have, within `range` where that is given. */
export function hostAddresses(
  { base, prefix }: Subnet,
  range?: Subnet,
): { readonly first: number; readonly last: number } {
  const [first, last] = [base + 1, base + 2 ** (32 - prefix) - 2];
  if (!range) return { first, last };
  return { first: Math.max(first, range.base), last: Math.min(last, range.base + 2 ** (32 - range.prefix) - 1) };
}

/** An address with a prefix of any length, as the block that it lies in; undefined for what is none. */
export function readPrefix(text: string): Subnet | undefined {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const base = isIPv4(address) ? parseAddress(address) : undefined;
  const bits = Number(prefix);
  if (base === undefined || !/^\d{1,2}$/.test(prefix) || bits > 32 || rest.length > 0) return undefined;
  return { base: bits === 0 ? 0 : (base & mask(bits)) >>> 0, prefix: bits };
}

/** Addresses that new networks are cut from: pieces with a prefix of `size` bits out of the subnet `base`. */
export interface AddressPool {
  readonly base: string;
  readonly size: number;
}

export const privatePools: readonly AddressPool[] = [
  { base: '10.88.0.0/13', size: 16 },
  { base: '10.96.0.0/11', size: 16 },
  { base: '10.86.0.0/16', size: 24 },
];

/** `invalid_argument` unless there is a piece in it. */
export function checkPool({ base, size }: AddressPool): void {
  const { prefix } = parseSubnet(base);
  if (size >= prefix && size <= 30) return;
  throw new StrataError('invalid_argument', `invalid address pool: no subnet of ${size} bits is in ${base}`, {
    code: 'invalid_pool',
    hint: 'the size is the prefix of each network, from that of the base to 30',
  });
}

/** What a new network may take, in the order of trying. */
export function* subnetsIn(pools: readonly AddressPool[]): Generator<Subnet> {
  for (const { base, size } of pools) {
    const { base: first, prefix } = parseSubnet(base);
    for (let i = 0; i < 2 ** (size - prefix); i++) yield { base: first + i * 2 ** (32 - size), prefix: size };
  }
}

function mask(prefix: number): number {
  return (-1 << (32 - prefix)) >>> 0;
}
