import type { Database } from '../db/index.ts';
import { messageOf, StrataError } from '../errors/index.ts';
import { planAddresses } from './address-plan.ts';
import { bridgeOptions } from './bridge-options.ts';
import { createDefaultBridge, type DefaultBridge } from './default-bridge.ts';
import { deleteBridge, freeSubnet, subnetsOf } from './free-subnet.ts';
import { checkBridgeName } from './own-bridge.ts';
import { createPool } from './pool.ts';
import { portTable } from './ports.ts';
import { hostResolvers } from './resolvers.ts';
import { createSandboxes, endpointOfRow, isPooled, pooled } from './sandboxes.ts';
import { createSubnetKeeper } from './settled-subnet.ts';
import { createNetworkStore, emptyNetwork, type NetworkStore, newID } from './store.ts';
import { type AddressPool, checkPool, formatSubnet, overlaps, parseSubnet, privatePools } from './subnet.ts';
import type { CreateNetwork, Network, NetworkSubnet, Networks } from './types.ts';

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
  const store = createNetworkStore(db, log);
  const sandboxes = createSandboxes(db, options.stateRoot);
  const settled = createSubnetKeeper({ store, pools, isInUse, log });
  const makeDefaultBridge = createDefaultBridge(store, options.bridge, pools);
  const defaultBridge = async () => await settled((await makeDefaultBridge()).id);
  const find = async (name: string) => {
    if (name === 'bridge' || name === 'default') return await defaultBridge();
    const network = store.get(name);
    if (network.damaged)
      throw new StrataError('data_loss', `network ${network.name} is damaged: what is known of it cannot be read`, {
        code: 'network_damaged',
        hint: 'remove it, and make it again',
      });
    return await settled(network.id);
  };

  const pool = createPool({
    make: async () => await pooled(sandboxes, await defaultBridge()),
    destroy: async (path) => {
      const row = sandboxes.find(path);
      if (row) await sandboxes.destroy(row);
    },
  });

  /** Choosing a subnet asks the host: two networks that are made at once would choose the same. */
  let making: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = making.then(work);
    making = next.catch(() => undefined);
    return next;
  }

  async function make(asked: CreateNetwork): Promise<Network> {
    const { name, labels = {}, internal = false, attachable = false } = asked;
    checkName(name);
    if (predefined.includes(name) || store.byName(name))
      throw new StrataError('conflict', `network with name ${name} already exists`);
    if (asked.configOnly) return store.save(configNetwork(asked));
    checkDriver(asked.driver ?? 'bridge');
    const config = asked.configFrom === undefined ? undefined : configOf(asked, store);
    const { options: driverOptions = {}, subnets: wanted = [], addressOptions = {} } = config ?? asked;
    await defaultBridge().catch(() => undefined);
    const { bridge, mode } = bridgeOptions(driverOptions);
    if (mode === 'isolated' && !internal)
      throw new StrataError('invalid_argument', "gateway mode 'isolated' can only be used for an internal network", {
        code: 'invalid_option',
      });
    if (bridge !== undefined) checkBridgeName(bridge, store);
    const id = newID();
    return store.save({
      id,
      name,
      driver: 'bridge',
      created: new Date().toISOString(),
      internal,
      ...(attachable && { attachable }),
      labels: { ...config?.labels, ...labels },
      options: driverOptions,
      subnets: [await chooseSubnet(wanted)],
      bridge: bridge ?? `br-${id.slice(0, 12)}`,
      ...(wanted.length > 0 ? { wanted } : { fromPool: true }),
      ...(Object.keys(addressOptions).length > 0 && { addressOptions }),
      ...(config && { configFrom: config.name }),
    });
  }

  async function chooseSubnet(asked: readonly NetworkSubnet[]): Promise<NetworkSubnet> {
    const ipv4 = asked.filter(({ subnet }) => !subnet.includes(':'));
    if (ipv4.length > 1)
      throw new StrataError('invalid_argument', "bridge driver doesn't support multiple subnets", {
        code: 'many_subnets',
      });
    const wanted = ipv4[0] ?? asked[0];
    const chosen = planAddresses(wanted ?? { subnet: formatSubnet(await freeSubnet(pools, store.all())) });
    const subnet = parseSubnet(chosen.subnet);
    if (subnetsOf(store.all()).some((other) => overlaps(other, subnet)))
      throw new StrataError(
        'permission_denied',
        'invalid pool request: Pool overlaps with other one on this address space',
        { code: 'subnet_in_use' },
      );
    return chosen;
  }

  const networks: Networks = {
    create: (asked) => inTurn(() => make(asked)),
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
      const user = store.all().find(({ configFrom }) => configFrom === network.name);
      if (network.configOnly && user)
        throw new StrataError(
          'permission_denied',
          `error while removing network: configuration network ${JSON.stringify(network.name)} is in use`,
          { code: 'network_in_use', hint: `network ${user.name} has its settings` },
        );
      store.delete(network.id);
      if (network.bridge === undefined) return;
      await sandboxes.forgetRules(network);
      await deleteBridge(network.bridge);
    },
    async prune(filter = () => true) {
      const unused = store.all().filter((one) => !predefined.includes(one.name) && filter(one) && !isInUse(one.id));
      // Networks that have the settings of others go before those.
      const inOrder = [...unused.filter((one) => !one.configOnly), ...unused.filter((one) => one.configOnly)];
      const removed: Network[] = [];
      for (const one of inOrder) {
        if (one.configOnly && store.all().some(({ configFrom }) => configFrom === one.name)) continue;
        await networks.remove(one.id);
        removed.push(one);
      }
      return removed;
    },
    async connect(asked) {
      const attached = await Promise.all(
        asked.networks.map(async ({ name, ...rest }) => ({ ...rest, network: await find(name) })),
      );
      const settings = attached.find(({ network }) => network.configOnly);
      if (settings) throw noEndpoint();
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
        !first!.linkLocal?.length &&
        Object.keys(first!.driverOptions ?? {}).length === 0 &&
        Object.keys(asked.ports).length === 0;
      if (isPlain && asked.reusable) {
        const { path, endpoint } = await pool.take(first!.lastIP);
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
        } else {
          await sandboxes.destroy(row);
          // Its ports are no longer open on routed networks.
          await sandboxes.restoreRules(row, store);
        }
      }
    },
    async join(containerID, containerName, { name, ...member }) {
      const network = await find(name);
      if (network.configOnly) throw noEndpoint();
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
    async nameLinks(containerID, ref, links) {
      const [row] = sandboxes.ownedBy(containerID);
      if (row) await sandboxes.nameLinks(row, store.get(ref), links);
    },
    async lease() {
      const { path, endpoint } = await pool.take();
      return { sandbox: { path }, release: async () => pool.giveBack(path, endpoint) };
    },
    prewarm: pool.prewarm,
    async recover(known) {
      for (const row of sandboxes.all()) {
        const isKept = row.owner !== 'pool' && known.has(row.owner);
        if (isKept) {
          await sandboxes.holdAgain(row);
          // What runs, goes on; whoever is attached next hears of it, too.
          await sandboxes
            .restoreRules(row, store)
            .catch((error: unknown) => log(`cannot restore the rules of a network: ${messageOf(error)}`));
        } else
          await sandboxes
            .destroy(row)
            .catch((error: unknown) => log(`cannot take sandbox ${row.path} away: ${messageOf(error)}`));
      }
      // Only a damaged store has such rows: nobody would ever give the address back.
      for (const table of ['addresses', 'published_ports'])
        db.run(`DELETE FROM ${table} WHERE sandbox NOT IN (SELECT path FROM sandboxes)`);
      // Whoever needs it is told what is wrong with it; the engine is of use without it, too.
      await defaultBridge().catch(() => undefined);
    },
    resolvers: hostResolvers,
    async close() {
      await pool.drain();
      await sandboxes.close();
      for (const network of store.all()) if (!isInUse(network.id)) await sandboxes.forgetRules(network);
    },
  };

  function isInUse(id: string): boolean {
    return db.get('SELECT 1 FROM addresses WHERE network = ?', id) !== undefined;
  }

  return networks;
}

/** Drivers of Docker's that are there, but not here. */
const foreign = ['macvlan', 'ipvlan'];

/** A network that only holds settings for others (`--config-only`). */
function configNetwork({ name, labels = {}, options = {}, subnets = [], ...asked }: CreateNetwork): Network {
  if (asked.internal || asked.attachable)
    throw new StrataError(
      'permission_denied',
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
      { code: 'invalid_config_network' },
    );
  if (asked.configFrom !== undefined)
    throw new StrataError(
      'permission_denied',
      'a configuration network cannot depend on another configuration network',
      { code: 'invalid_config_network' },
    );
  bridgeOptions(options);
  for (const wanted of subnets) planAddresses(wanted);
  return {
    ...emptyNetwork(name),
    driver: 'none',
    created: new Date().toISOString(),
    labels,
    options,
    subnets: [],
    configOnly: true,
    ...(subnets.length > 0 && { wanted: subnets }),
    ...(asked.addressOptions && { addressOptions: asked.addressOptions }),
  };
}

/** The settings that a new network takes from another one, in place of its own. */
function configOf(asked: CreateNetwork, store: NetworkStore): Omit<CreateNetwork, 'driver'> {
  const { configFrom = '' } = asked;
  const config = store
    .all()
    .find(({ name, id, configOnly }) => configOnly && (name === configFrom || id === configFrom));
  if (!config)
    throw new StrataError('not_found', `configuration network ${JSON.stringify(configFrom)} does not exist`, {
      code: 'network_not_found',
    });
  const refuse = (what: string) =>
    new StrataError(
      'permission_denied',
      `${what} are not supported if the network depends on a configuration network`,
      {
        code: 'invalid_config_network',
      },
    );
  const has = (given: object | undefined) => Object.keys(given ?? {}).length > 0;
  if (has(asked.subnets) || has(asked.addressOptions) || has(asked.labels))
    throw refuse('user specified configurations');
  if (has(asked.options)) throw refuse('network driver options');
  const { name, labels, options, wanted = [], addressOptions } = config;
  return { name, labels, options, subnets: wanted, ...(addressOptions && { addressOptions }) };
}

function noEndpoint(): StrataError {
  return new StrataError('permission_denied', 'cannot create endpoint on configuration-only network', {
    code: 'network_fixed',
    hint: 'make a network with its settings: network create --config-from',
  });
}

function checkDriver(driver: string): void {
  if (driver === 'bridge') return;
  if (driver === 'host' || driver === 'null')
    throw new StrataError('permission_denied', `only one instance of "${driver}" network is allowed`);
  if (foreign.includes(driver))
    throw new StrataError(
      'unsupported',
      `network driver ${JSON.stringify(driver)} is not supported: networks are bridges`,
      {
        code: 'unsupported_driver',
        hint: 'use --driver bridge, or --network host',
      },
    );
  if (driver === 'overlay')
    throw new StrataError(
      'permission_denied',
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
      { code: 'no_swarm', hint: 'there are no swarms here: networks are bridges' },
    );
  throw new StrataError('not_found', `plugin ${JSON.stringify(driver)} not found`, { code: 'plugin_not_found' });
}

/** Docker takes every name that is not blank; what no file name or host name can be is never made one. */
function checkName(name: string): void {
  const problem = name.trim() === '' ? 'name is empty' : name.length > longestName ? 'name is too long' : undefined;
  if (problem === undefined) return;
  throw new StrataError('invalid_argument', `invalid name: ${problem}`, { code: 'invalid_name' });
}

/** Characters. */
const longestName = 1024;
