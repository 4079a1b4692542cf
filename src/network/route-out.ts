import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { defaultGatewayName } from './address-plan.ts';
import { hostEnvironment } from './free-subnet.ts';
import type { NetavarkRequest } from './netavark.ts';
import type { Network } from './types.ts';

const execFileAsync = promisify(execFile);

export interface Way {
  readonly network: Network;
  readonly priority?: number;
}

/** In the order in which they would lead out of a namespace, as Docker has it: by priority, then by name. */
export function inOrder<T extends Way>(members: readonly T[]): readonly T[] {
  return [...members].sort(
    (a, b) => (b.priority ?? 0) - (a.priority ?? 0) || (a.network.name < b.network.name ? -1 : 1),
  );
}

/** Where packets leave a network: its bridge, or what the user named by {@link defaultGatewayName}. */
export function gatewayOf({ internal, subnets }: Network): string | undefined {
  return internal ? undefined : (subnets[0]?.auxiliary?.[defaultGatewayName] ?? subnets[0]?.gateway);
}

/** Chooses the way out of a namespace, where netavark alone would not: there are several, or it is not the bridge. */
export async function routeOut(path: string, members: readonly Way[], request: NetavarkRequest): Promise<void> {
  if (members.length === 0) return await ip(path, ['link', 'set', 'lo', 'up']);
  const ways = inOrder(members).flatMap(({ network }) => {
    const face = request.networks[network.id]?.interface_name;
    const gateway = gatewayOf(network);
    return face && gateway ? [{ face, gateway }] : [];
  });
  const [way] = ways;
  if (!way) return;
  await ip(path, ['route', 'replace', 'default', 'via', way.gateway, 'dev', way.face]);
  // netavark sets one for each network, of a lower rank than that.
  for (const _ of ways) await ip(path, ['route', 'del', 'default', 'metric', '100']).catch(() => undefined);
}

/** Whether {@link routeOut} has something to do where netavark has just set everything up. */
export function needsRoute(members: readonly Way[]): boolean {
  const [only] = members;
  return (
    members.length !== 1 ||
    gatewayOf(only!.network) !== (only!.network.internal ? undefined : only!.network.subnets[0]?.gateway)
  );
}

async function ip(path: string, args: readonly string[]): Promise<void> {
  await execFileAsync('nsenter', [`--net=${path}`, 'ip', ...args], { env: hostEnvironment });
}
