import { existsSync } from 'node:fs';
import { freeSubnet, otherUser } from './free-subnet.ts';
import type { NetworkStore } from './store.ts';
import { type AddressPool, firstAddress, formatAddress, formatSubnet, parseSubnet } from './subnet.ts';
import type { Network } from './types.ts';

export interface SubnetParts {
  readonly store: NetworkStore;
  readonly pools: readonly AddressPool[];
  /** Whether a namespace has an address of the network. */
  readonly isInUse: (id: string) => boolean;
  readonly log: (line: string) => void;
}

/**
 * Gives the network of that id as it can be used now.
 *
 * A network has a bridge, and with it a route, only while somebody is on it. Meanwhile another program of the host (a
 * second engine, for one) may take its subnet, and then nothing that is sent arrives. So before the bridge is made
 * anew, a network whose subnet came from the pools takes the next free one; one that a user chose stays, with a warning.
 */
export function createSubnetKeeper({ store, pools, isInUse, log }: SubnetParts): (id: string) => Promise<Network> {
  let last: Promise<unknown> = Promise.resolve();
  const warned = new Set<string>();

  async function settle(id: string): Promise<Network> {
    const network = store.get(id);
    const [own] = network.subnets;
    if (!own || !network.bridge || hasBridge(network) || isInUse(id)) return network;
    const other = await otherUser(parseSubnet(own.subnet), network.bridge);
    if (other === undefined) return network;
    const taken = `network ${network.name}: ${own.subnet} is in use by ${other} now`;
    const next = network.fromPool
      ? await freeSubnet(pools, store.all()).catch((error: Error) => void log(`${taken}, and ${error.message}`))
      : undefined;
    if (next) {
      const subnet = formatSubnet(next);
      log(`${taken}: it has ${subnet} from here on`);
      return store.save({ ...network, subnets: [{ subnet, gateway: formatAddress(firstAddress(next)) }] });
    }
    if (!network.fromPool && !warned.has(id))
      log(`${taken}, too: what is sent there may not arrive. Make the network anew with another --subnet`);
    warned.add(id);
    return network;
  }

  return async (id) => {
    const network = store.get(id);
    if (!network.bridge || hasBridge(network)) return network;
    const next = last.then(() => settle(id));
    last = next.catch(() => undefined);
    return await next;
  };
}

function hasBridge({ bridge }: Network): boolean {
  return existsSync(`/sys/class/net/${bridge}`);
}
