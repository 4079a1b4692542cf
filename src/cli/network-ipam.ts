import { isIPv4 } from 'node:net';
import { StrataError } from '../errors/index.ts';

interface IpamConfig {
  Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** Puts every range, gateway and reserved address to the subnet that it lies in. */
export function ipamConfigs(given: {
  readonly subnets: readonly string[];
  readonly ranges: readonly string[];
  readonly gateways: readonly string[];
  readonly auxiliary: Readonly<Record<string, string>>;
}): IpamConfig[] {
  const { subnets, ranges, gateways, auxiliary } = given;
  if (subnets.length < ranges.length || subnets.length < gateways.length) {
    throw invalid('every ip-range or gateway must have a corresponding subnet');
  }
  const configs: IpamConfig[] = subnets.map((Subnet) => ({ Subnet }));
  configs.forEach((one, index) => {
    const other = configs.slice(0, index).find((before) => overlaps(before.Subnet, one.Subnet));
    if (other) throw invalid('multiple overlapping subnet configuration is not supported');
  });
  for (const range of ranges) {
    const config = holder(configs, range.split('/')[0]!);
    if (!config) throw invalid(`no matching subnet for range ${range}`);
    if (config.IPRange)
      throw invalid(
        `cannot configure multiple ranges (${range}, ${config.IPRange}) on the same subnet (${config.Subnet})`,
      );
    config.IPRange = range;
  }
  for (const gateway of gateways) {
    const config = holder(configs, gateway);
    if (!config) throw invalid(`no matching subnet for gateway ${gateway}`);
    if (config.Gateway)
      throw invalid(
        `cannot configure multiple gateways (${gateway}, ${config.Gateway}) for the same subnet (${config.Subnet})`,
      );
    config.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(auxiliary)) {
    const config = holder(configs, address);
    if (!config) throw invalid(`no matching subnet for aux-address ${address}`);
    config.AuxiliaryAddresses = { ...config.AuxiliaryAddresses, [name]: address };
  }
  return configs;
}

function holder(configs: readonly IpamConfig[], address: string): IpamConfig | undefined {
  return configs.find(({ Subnet }) => contains(Subnet, address));
}

function contains(cidr: string, address: string): boolean {
  const net = readCidr(cidr);
  const value = readAddress(address);
  return (
    net !== undefined &&
    value !== undefined &&
    net.bits === value.bits &&
    value.number >> net.free === net.number >> net.free
  );
}

function overlaps(a: string, b: string): boolean {
  return contains(a, b.split('/')[0]!) || contains(b, a.split('/')[0]!);
}

function readCidr(text: string): { readonly number: bigint; readonly bits: number; readonly free: bigint } | undefined {
  const [address = '', prefix = ''] = text.split('/');
  const value = readAddress(address);
  if (!value || !/^\d{1,3}$/.test(prefix) || Number(prefix) > value.bits) return undefined;
  return { ...value, free: BigInt(value.bits - Number(prefix)) };
}

function readAddress(text: string): { readonly number: bigint; readonly bits: number } | undefined {
  if (isIPv4(text)) return { number: join(text.split('.').map(Number), 8n), bits: 32 };
  if (!URL.canParse(`http://[${text}]`)) return undefined;
  const [head, tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const words = (part: string | undefined) => (part ? part.split(':').map((word) => Number.parseInt(word, 16)) : []);
  const [first, last] = [words(head), words(tail)];
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - first.length - last.length }, () => 0);
  return { number: join([...first, ...zeros, ...last], 16n), bits: 128 };
}

function join(parts: readonly number[], width: bigint): bigint {
  return parts.reduce((number, part) => (number << width) | BigInt(part), 0n);
}

function invalid(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'invalid_ipam' });
}
