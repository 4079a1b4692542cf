import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { hostEnvironment } from './free-subnet.ts';
import type { Network } from './types.ts';

const execFileAsync = promisify(execFile);

/**
 * Lets the members of an internal network reach each other. netavark sets no rules for such a network; where bridged
 * packets pass the firewall (br_netfilter) and that drops what it does not know, they would never arrive.
 */
export async function passInternalTraffic({ internal, bridge }: Network): Promise<void> {
  if (!internal || bridge === undefined) return;
  const isThere = await iptables('-C', bridge).then(
    () => true,
    () => false,
  );
  // A host without iptables has no such rules that could drop anything.
  if (!isThere) await iptables('-I', bridge).catch(() => undefined);
}

export async function forgetInternalTraffic({ internal, bridge }: Network): Promise<void> {
  if (internal && bridge !== undefined) await iptables('-D', bridge).catch(() => undefined);
}

async function iptables(verb: string, bridge: string): Promise<void> {
  await execFileAsync('iptables', ['-w', '10', verb, 'FORWARD', '-i', bridge, '-o', bridge, '-j', 'ACCEPT'], {
    env: hostEnvironment,
  });
}
