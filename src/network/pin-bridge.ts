import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { hostEnvironment } from './free-subnet.ts';
import { bridgeMark } from './own-bridge.ts';
import type { Network } from './types.ts';

const execFileAsync = promisify(execFile);
/** NET_ADDR_SET of linux/netdevice.h: somebody chose the address. */
const chosen = '3';

/**
 * Marks a bridge as made by an engine, and makes it keep the hardware address that it has. A bridge whose address nobody chose takes the lowest of its
 * members', so it changes as they come and go; members that know the gateway by the old one then send into the void
 * until they ask again, which takes tens of seconds.
 */
export async function pinBridgeAddress(bridge: string): Promise<void> {
  const fact = async (name: string) => (await readFile(`/sys/class/net/${bridge}/${name}`, 'utf8')).trim();
  try {
    if ((await fact('addr_assign_type')) === chosen) return;
    await execFileAsync('ip', ['link', 'set', 'dev', bridge, 'alias', bridgeMark, 'address', await fact('address')], {
      env: hostEnvironment,
    });
  } catch {
    // A network without a bridge of its own, or one that went meanwhile: nothing to keep.
  }
}

/** A bridge whose gateway is somebody else's has no address. */
export async function takeBridgeAddress({ bridge = '', subnets }: Network): Promise<void> {
  const { gateway, subnet } = subnets[0]!;
  const address = `${gateway}/${subnet.split('/')[1]}`;
  // It is not there where no container came or went since.
  await execFileAsync('ip', ['addr', 'del', address, 'dev', bridge], { env: hostEnvironment }).catch(() => undefined);
}
