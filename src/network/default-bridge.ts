import { freeSubnet } from './free-subnet.ts';
import { refuseForeign } from './own-bridge.ts';
import { emptyNetwork, type NetworkStore } from './store.ts';
import { type AddressPool, firstAddress, formatAddress, formatSubnet, parseSubnet } from './subnet.ts';
import type { Network } from './types.ts';

export interface DefaultBridge {
  /** Kernel name. */
  readonly name: string;
  readonly subnet: string;
}

/** The default bridge, made when it is first needed, since choosing a free subnet asks the host. */
export function createDefaultBridge(
  store: NetworkStore,
  wanted: DefaultBridge,
  pools: readonly AddressPool[],
): () => Promise<Network> {
  let bridge: Promise<Network> | undefined;

  async function make(): Promise<Network> {
    const known = store.byName('bridge');
    // One of an earlier engine may have no mark: it is known by its row, or by a name like the usual one.
    if (!known && !wanted.name.startsWith('strata')) refuseForeign(wanted.name);
    const subnet = formatSubnet(await chooseSubnet(known));
    return store.save({
      ...(known ?? { ...emptyNetwork('bridge'), created: new Date().toISOString() }),
      driver: 'bridge',
      options: {
        'com.docker.network.bridge.default_bridge': 'true',
        'com.docker.network.bridge.name': wanted.name,
      },
      subnets: [{ subnet, gateway: formatAddress(firstAddress(parseSubnet(subnet))) }],
      bridge: wanted.name,
      fromPool: wanted.subnet === 'auto',
    });
  }

  async function chooseSubnet(known: Network | undefined) {
    if (wanted.subnet !== 'auto') return parseSubnet(wanted.subnet);
    return known?.subnets[0] ? parseSubnet(known.subnets[0].subnet) : await freeSubnet(pools, store.all());
  }

  return () => {
    bridge ??= make();
    bridge.catch(() => {
      bridge = undefined;
    });
    return bridge;
  };
}
