import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { hostEnvironment } from './free-subnet.ts';
import type { NetavarkRequest } from './netavark.ts';
import type { Network } from './types.ts';

const execFileAsync = promisify(execFile);

/**
 * Chooses the way out of a namespace on several networks: through the first by name that leads out, as Docker does.
 */
export async function routeOut(
  path: string,
  members: readonly { readonly network: Network }[],
  request: NetavarkRequest,
): Promise<void> {
  if (members.length === 0) return await ip(path, ['link', 'set', 'lo', 'up']);
  const ways = members.flatMap(({ network }) => {
    const face = request.networks[network.id]?.interface_name;
    const gateway = network.internal ? undefined : network.subnets[0]?.gateway;
    return face && gateway ? [{ name: network.name, face, gateway }] : [];
  });
  const [way] = ways.sort((a, b) => (a.name < b.name ? -1 : 1));
  if (!way) return;
  await ip(path, ['route', 'replace', 'default', 'via', way.gateway, 'dev', way.face]);
  // netavark sets one for each network, of a lower rank than that.
  for (const _ of ways) await ip(path, ['route', 'del', 'default', 'metric', '100']).catch(() => undefined);
}

async function ip(path: string, args: readonly string[]): Promise<void> {
  await execFileAsync('nsenter', [`--net=${path}`, 'ip', ...args], { env: hostEnvironment });
}
