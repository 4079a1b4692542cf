import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { StrataError } from '../errors/index.ts';
import { isOwnBridge } from './own-bridge.ts';
import { type AddressPool, formatSubnet, overlaps, parseSubnet, type Subnet, subnetsIn } from './subnet.ts';
import type { Network } from './types.ts';

const execFileAsync = promisify(execFile);
export const hostEnvironment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** The first subnet of the pools that neither a route of the host nor one of `networks` uses. */
export async function freeSubnet(pools: readonly AddressPool[], networks: readonly Network[]): Promise<Subnet> {
  const taken = [...(await routes()).map(({ subnet }) => subnet), ...subnetsOf(networks)];
  for (const candidate of subnetsIn(pools)) if (!taken.some((one) => overlaps(one, candidate))) return candidate;
  throw new StrataError('failed_precondition', 'all predefined address pools have been fully subnetted', {
    code: 'no_free_subnet',
    hint: 'give a subnet with --subnet, or the daemon more addresses with --default-address-pool',
  });
}

export function subnetsOf(networks: readonly Network[]): readonly Subnet[] {
  return networks.flatMap(({ subnets }) => subnets.map(({ subnet }) => parseSubnet(subnet)));
}

/** What uses a part of the subnet besides the interface `own`, in words; undefined where nothing does. */
export async function otherUser(subnet: Subnet, own: string): Promise<string | undefined> {
  const other = (await routes()).find((route) => route.device !== own && overlaps(route.subnet, subnet));
  return other && (other.device === '' ? `a route to ${formatSubnet(other.subnet)}` : `interface ${other.device}`);
}

interface Route {
  readonly subnet: Subnet;
  /** Empty where it leads to no one interface. */
  readonly device: string;
}

async function routes(): Promise<readonly Route[]> {
  const { stdout } = await execFileAsync('ip', ['-4', '-j', 'route', 'show', 'table', 'all'], { env: hostEnvironment });
  return (JSON.parse(stdout || '[]') as { dst?: string; dev?: string }[]).flatMap(({ dst = '', dev = '' }) => {
    const prefix = Number(/^\d+\.\d+\.\d+\.\d+\/(\d+)$/.exec(dst)?.[1]);
    return prefix >= 8 && prefix <= 30 ? [{ subnet: parseSubnet(dst), device: dev }] : [];
  });
}

/** Takes a bridge away; one that is not there is no error, and one that no engine made stays. */
export async function deleteBridge(name: string): Promise<void> {
  if (!isOwnBridge(name)) return;
  await execFileAsync('ip', ['link', 'delete', name], { env: hostEnvironment }).catch(() => undefined);
}
