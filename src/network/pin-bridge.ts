import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { bridgeMark } from './own-bridge.ts';

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
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
  } catch {
    // A network without a bridge of its own, or one that went meanwhile: nothing to keep.
  }
}
