import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { createDefaultBridge, type DefaultBridge } from './default-bridge.ts';
import { deleteBridge, freeSubnet, subnetsOf } from './free-subnet.ts';
import { forgetInternalTraffic } from './internal-traffic.ts';
import { checkBridgeName } from './own-bridge.ts';
import { createPool } from './pool.ts';
import { portTable } from './ports.ts';
import { hostResolvers } from './resolvers.ts';
import { createSandboxes, endpointOfRow, isPooled, pooled } from './sandboxes.ts';
import { createSubnetKeeper } from './settled-subnet.ts';
import { createNetworkStore, newID } from './store.ts';
import {
  type AddressPool,
  checkPool,
  firstAddress,
  formatAddress,
  formatSubnet,
  overlaps,
  parseWantedSubnet,
  privatePools,
} from './subnet.ts';
import type { Networks } from './types.ts';

export interface NetworkOptions {
  readonly db: Database;
  readonly stateRoot: string;
  /** `subnet` may be `auto`: the first one of the pools that the host does not use. */
  readonly bridge: DefaultBridge;
  /** What networks without a wish get their subnets from. */
  readonly pools?: readonly AddressPool[];
  readonly log?: (line: string) => void;
}

const predefined = ['bridge', 'host', 'none', 'default'];

export function createNetworks(options: NetworkOptions): Networks {
  const { db, pools = privatePools, log = () => {} } = options;
  for (const pool of pools) checkPool(pool);
  const store = createNetworkStore(db);
  const sandboxes = createSandboxes(db, options.stateRoot);
  const settled = createSubnetKeeper({ store, pools, isInUse, log });
  const makeDefaultBridge = createDefaultBridge(store, options.bridge, pools);
  const defaultBridge = async () => await settled((await makeDefaultBridge()).id);
  const find = async (name: string) =>
    name === 'bridge' || name === 'default' ? await defaultBridge() : await settled(store.get(name).id);

  const pool = createPool({
    make: async () => await pooled(sandboxes, await defaultBridge()),
    destroy: async (path) => {
      const row = sandboxes.find(path);
      if (row) await sandboxes.destroy(row);
    },
  });

  const networks: Networks = {
    async create({
      name,
      driver = 'bridge',
      internal = false,
      attachable = false,
      labels = {},
      options: driverOptions = {},
      subnets,
    }) {
      checkName(name);
      if (predefined.includes(name) || store.byName(name))
        throw new StrataError('conflict', `network with name ${name} already exists`);
      checkDriver(driver);
      const ipv4 = (subnets ?? []).filter(({ subnet }) => !subnet.includes(':'));
      const wanted = ipv4[0] ?? subnets?.[0];
      if (ipv4.length > 1)
        throw new StrataError('invalid_argument', "bridge driver doesn't support multiple subnets", {
          code: 'many_subnets',
        });
      await defaultBridge().catch(() => undefined);
      const bridge = driverOptions['com.docker.network.bridge.name'];
      if (bridge !== undefined) checkBridgeName(bridge, store);
      const subnet = wanted ? parseWantedSubnet(wanted.subnet) : await freeSubnet(pools, store.all());
      if (subnetsOf(store.all()).some((other) => overlaps(other, subnet)))
        throw new StrataError(
          'permission_denied',
          'invalid pool request: Pool overlaps with other one on this address space',
          { code: 'subnet_in_use' },
        );
      const id = newID();
      return store.save({
        id,
        name,
        driver: 'bridge',
        created: new Date().toISOString(),
        internal,
        ...(attachable && { attachable }),
        labels,
        options: driverOptions,
        subnets: [{ subnet: formatSubnet(subnet), gateway: wanted?.gateway ?? formatAddress(firstAddress(subnet)) }],
        bridge: bridge ?? `br-${id.slice(0, 12)}`,
        ...(wanted === undefined && { fromPool: true }),
      });
    },
    get: store.get,
    list: store.all,
    async remove(ref) {
      const network = store.get(ref);
      if (predefined.includes(network.name))
        throw new StrataError('permission_denied', `${network.name} is a pre-defined network and cannot be removed`);
      if (isInUse(network.id))
        throw new StrataError(
          'permission_denied',
          `error while removing network: network ${network.name} id ${network.id} has active endpoints`,
          { hint: 'stop the containers that use it first' },
        );
      store.delete(network.id);
      await forgetInternalTraffic(network);
      await deleteBridge(network.bridge!);
    },
    async prune({ labels = () => true } = {}) {
      const unused = store
        .all()
        .filter((one) => !predefined.includes(one.name) && labels(one.labels) && !isInUse(one.id));
      for (const { id } of unused) await networks.remove(id);
      return unused.map(({ name }) => name);
    },
    async connect(asked) {
      const attached = await Promise.all(
        asked.networks.map(async ({ name, ...rest }) => ({ ...rest, network: await find(name) })),
      );
      const bare = attached.find(({ network }) => network.subnets.length === 0);
      if (bare)
        throw new StrataError(
          'permission_denied',
          `container cannot be connected to multiple networks with one of the networks in ${bare.network.name} mode`,
          { code: 'network_fixed' },
        );
      const [first] = attached;
      const isPlain =
        attached.length === 1 &&
        first!.network.name === 'bridge' &&
        first!.ip === undefined &&
        first!.mac === undefined &&
        Object.keys(asked.ports).length === 0;
      if (isPlain && asked.reusable) {
        const { path, endpoint } = await pool.take();
        sandboxes.give(path, asked.containerID);
        return { sandbox: { path }, endpoints: { bridge: { ...endpoint, EndpointID: newID() } }, ports: {} };
      }
      const { path, endpoints, published } = await sandboxes.make(asked.containerID, { ...asked, networks: attached });
      return { sandbox: { path }, endpoints, ports: portTable(published) };
    },
    async disconnect(containerID) {
      for (const row of sandboxes.ownedBy(containerID)) {
        if (isPooled(row)) {
          sandboxes.give(row.path, 'pool');
          pool.giveBack(row.path, endpointOfRow(row, await defaultBridge()));
        } else await sandboxes.destroy(row);
      }
    },
    async join(containerID, containerName, { name, ...member }) {
      const network = await find(name);
      const attach = { containerID, containerName, networks: [{ ...member, network }], ports: {} };
      const [row] = sandboxes.ownedBy(containerID);
      if (row) return await sandboxes.join(row, attach, store);
      throw new StrataError('failed_precondition', `container ${containerID} has no network of its own`);
    },
    async leave(containerID, ref) {
      for (const row of sandboxes.ownedBy(containerID)) await sandboxes.leave(row, store.get(ref), store);
    },
    async rename(containerID, containerName, members) {
      const networks = members.map(({ name, ...member }) => ({ ...member, network: store.get(name) }));
      const [row] = sandboxes.ownedBy(containerID);
      return row ? await sandboxes.rename(row, { containerID, containerName, networks }) : {};
    },
    async lease() {
      const { path, endpoint } = await pool.take();
      return { sandbox: { path }, release: async () => pool.giveBack(path, endpoint) };
    },
    prewarm: pool.prewarm,
    async recover(known) {
      for (const row of sandboxes.all()) {
        const isKept = row.owner !== 'pool' && known.has(row.owner);
        if (isKept) await sandboxes.holdAgain(row);
        else await sandboxes.destroy(row);
      }
      // Whoever needs it is told what is wrong with it; the engine is of use without it, too.
      await defaultBridge().catch(() => undefined);
    },
    resolvers: hostResolvers,
    async close() {
      await pool.drain();
      await sandboxes.close();
    },
  };

  function isInUse(id: string): boolean {
    return db.get('SELECT 1 FROM addresses WHERE network = ?', id) !== undefined;
  }

  return networks;
}

/** Drivers of Docker's that are there, but not here. */
const foreign = ['overlay', 'macvlan', 'ipvlan'];

function checkDriver(driver: string): void {
  if (driver === 'bridge') return;
  if (driver === 'host' || driver === 'null')
    throw new StrataError('permission_denied', `only one instance of "${driver}" network is allowed`);
  if (foreign.includes(driver))
    throw new StrataError('unsupported', `network driver ${JSON.stringify(driver)} is not supported`, {
      hint: 'bridge is',
    });
  throw new StrataError('not_found', `plugin ${JSON.stringify(driver)} not found`, { code: 'plugin_not_found' });
}

function checkName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return;
  throw new StrataError('invalid_argument', `invalid network name: ${JSON.stringify(name)}`, {
    hint: 'letters, digits, and after the first _ . -',
  });
}
