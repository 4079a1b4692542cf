import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { createNetworkNamespace, removeNetworkNamespace } from '../sys/index.ts';
import { createNetavark, type NetavarkRequest } from './netavark.ts';
import { createPool } from './pool.ts';
import { choosePorts, type Published } from './ports.ts';
import { hostResolvers } from './resolvers.ts';
import {
  firstAddress,
  formatAddress,
  formatSubnet,
  hostAddresses,
  overlaps,
  parseAddress,
  parseSubnet,
  privateSubnets,
  type Subnet,
} from './subnet.ts';
import type { EndpointSettings, Network, Networks, PortBinding } from './types.ts';

export interface NetworkOptions {
  readonly db: Database;
  readonly stateRoot: string;
  /** `subnet` may be `auto`: the first private one that the host does not use. */
  readonly bridge: { readonly name: string; readonly subnet: string };
}

type ConnectOptions = Parameters<Networks['connect']>[0];
const execFileAsync = promisify(execFile);

export function createNetworks(options: NetworkOptions): Networks {
  const { db } = options;
  const netavark = createNetavark(join(options.stateRoot, 'netavark'));
  const namespaces = join(options.stateRoot, 'netns');
  mkdirSync(namespaces, { recursive: true, mode: 0o700 });
  /** The default bridge is made when it is first needed, since choosing a free subnet asks the host. */
  let bridge: Promise<Network> | undefined;

  const byColumn = (column: 'id' | 'name', value: string) => {
    const row = db.get<{ definition: string }>(`SELECT definition FROM networks WHERE ${column} = ?`, value);
    return row && (JSON.parse(row.definition) as Network);
  };
  for (const driver of ['host', 'none'] as const) {
    if (!byColumn('name', driver))
      save({
        id: newID(),
        name: driver,
        driver,
        created: new Date().toISOString(),
        internal: false,
        labels: {},
        options: {},
        subnets: [],
      });
  }

  function save(network: Network): Network {
    db.run(
      'INSERT INTO networks (id, name, definition) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET definition = excluded.definition',
      network.id,
      network.name,
      JSON.stringify(network),
    );
    return network;
  }

  function defaultBridge(): Promise<Network> {
    bridge ??= (async () => {
      const known = byColumn('name', 'bridge');
      const subnet =
        options.bridge.subnet === 'auto'
          ? known?.subnets[0]
            ? parseSubnet(known.subnets[0].subnet)
            : await freeSubnet()
          : parseSubnet(options.bridge.subnet);
      return save({
        id: known?.id ?? newID(),
        name: 'bridge',
        driver: 'bridge',
        created: known?.created ?? new Date().toISOString(),
        internal: false,
        labels: {},
        options: {
          'com.docker.network.bridge.default_bridge': 'true',
          'com.docker.network.bridge.name': options.bridge.name,
        },
        subnets: [{ subnet: formatSubnet(subnet), gateway: formatAddress(firstAddress(subnet)) }],
        bridge: options.bridge.name,
      });
    })();
    bridge.catch(() => {
      bridge = undefined;
    });
    return bridge;
  }

  async function freeSubnet(): Promise<Subnet> {
    const { stdout } = await execFileAsync('ip', ['-4', '-j', 'route', 'show', 'table', 'all'], {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    const used = (JSON.parse(stdout || '[]') as { dst?: string }[]).flatMap(({ dst }) =>
      dst &&
      /^\d+\.\d+\.\d+\.\d+\/(\d+)$/.test(dst) &&
      Number(dst.split('/')[1]) >= 8 &&
      Number(dst.split('/')[1]) <= 30
        ? [parseSubnet(dst)]
        : [],
    );
    const taken = [
      ...used,
      ...networks.list().flatMap(({ subnets }) => subnets.map(({ subnet }) => parseSubnet(subnet))),
    ];
    for (const candidate of privateSubnets()) if (!taken.some((one) => overlaps(one, candidate))) return candidate;
    throw new StrataError('failed_precondition', 'all predefined address pools have been fully subnetted', {
      code: 'no_free_subnet',
      hint: 'give a subnet with --subnet',
    });
  }

  /** Takes an address of the network for the sandbox, in one transaction. */
  function takeAddress(network: Network, sandbox: string, wanted?: string): string {
    return db.transaction(() => {
      const subnet = parseSubnet(network.subnets[0]!.subnet);
      if (wanted !== undefined) {
        const address = parseAddress(wanted);
        if (address === undefined || !overlaps({ base: address, prefix: 32 }, subnet))
          throw new StrataError(
            'invalid_argument',
            `invalid address ${wanted}: it does not belong to any of this network's subnets`,
          );
        if (db.get('SELECT 1 FROM addresses WHERE network = ? AND ip = ?', network.id, wanted))
          throw new StrataError('conflict', 'Address already in use');
        db.run('INSERT INTO addresses (network, ip, sandbox) VALUES (?, ?, ?)', network.id, wanted, sandbox);
        return wanted;
      }
      const used = new Set(
        db.all<{ ip: string }>('SELECT ip FROM addresses WHERE network = ?', network.id).map(({ ip }) => ip),
      );
      used.add(network.subnets[0]!.gateway ?? '');
      for (const address of hostAddresses(subnet)) {
        const ip = formatAddress(address);
        if (used.has(ip)) continue;
        db.run('INSERT INTO addresses (network, ip, sandbox) VALUES (?, ?, ?)', network.id, ip, sandbox);
        return ip;
      }
      throw new StrataError('failed_precondition', `no address is free in network ${network.name}`, {
        code: 'no_free_address',
      });
    });
  }

  async function makeSandbox(
    owner: string,
    asked: ConnectOptions,
  ): Promise<{ path: string; endpoints: Record<string, EndpointSettings>; published: readonly Published[] }> {
    const path = join(namespaces, randomBytes(8).toString('hex'));
    const attached = await Promise.all(
      asked.networks.map(async (one) => ({
        ...one,
        network: one.name === 'bridge' || one.name === 'default' ? await defaultBridge() : networks.get(one.name),
      })),
    );
    const published = await choosePorts(db, asked.ports);
    db.run('INSERT INTO sandboxes (path, owner, request) VALUES (?, ?, ?)', path, owner, '{}');
    let request: NetavarkRequest | undefined;
    try {
      for (const { hostIp, hostPort, protocol } of published)
        db.run(
          'INSERT INTO published_ports (protocol, host_ip, host_port, sandbox) VALUES (?, ?, ?, ?)',
          protocol,
          hostIp,
          hostPort,
          path,
        );
      request = {
        container_id: asked.containerID,
        container_name: asked.containerName,
        port_mappings: published.map((port) => ({
          container_ip: '',
          container_port: port.containerPort,
          host_ip: port.hostIp === '0.0.0.0' ? '' : port.hostIp,
          host_port: port.hostPort,
          protocol: port.protocol,
          range: 1,
        })),
        networks: Object.fromEntries(
          attached.map(({ network, aliases, ip }, i) => [
            network.id,
            {
              interface_name: `eth${i}`,
              static_ips: [takeAddress(network, path, ip)],
              ...(network.name !== 'bridge' && {
                aliases: [...new Set([asked.containerName, asked.containerID.slice(0, 12), ...aliases])],
              }),
            },
          ]),
        ),
        network_info: Object.fromEntries(attached.map(({ network }) => [network.id, networkInfo(network)])),
      };
      db.run('UPDATE sandboxes SET request = ? WHERE path = ?', JSON.stringify(request), path);
      createNetworkNamespace(path);
      const answer = await netavark.setup(path, request);
      const endpoints = Object.fromEntries(
        attached.map(({ network, aliases }) => {
          const [face] = Object.values(answer[network.id]?.interfaces ?? {});
          const [ip = '', prefix = '0'] = face?.subnets[0]?.ipnet.split('/') ?? [];
          return [
            network.name,
            {
              Aliases: aliases,
              IPAddress: ip,
              IPPrefixLen: Number(prefix),
              Gateway: face?.subnets[0]?.gateway ?? '',
              MacAddress: face?.mac_address ?? '',
              NetworkID: network.id,
              EndpointID: newID(),
            } satisfies EndpointSettings,
          ];
        }),
      );
      return { path, endpoints, published };
    } catch (error) {
      await destroy(path, request);
      throw error;
    }
  }

  async function destroy(path: string, request?: NetavarkRequest): Promise<void> {
    if (request && existsSync(path)) await netavark.teardown(path, request).catch(() => undefined);
    removeNetworkNamespace(path);
    db.run('DELETE FROM sandboxes WHERE path = ?', path);
  }

  async function destroyRow(row: { path: string; request: string }): Promise<void> {
    const request = JSON.parse(row.request) as NetavarkRequest;
    await destroy(row.path, request.container_id ? request : undefined);
  }

  const pool = createPool({
    make: async () => {
      const id = `pool${randomBytes(4).toString('hex')}`;
      const made = await makeSandbox('pool', {
        containerID: id,
        containerName: id,
        networks: [{ name: 'bridge', aliases: [] }],
        ports: {},
        reusable: true,
      });
      return { path: made.path, endpoint: made.endpoints['bridge']! };
    },
    destroy: async (path) => {
      const row = db.get<{ path: string; request: string }>('SELECT path, request FROM sandboxes WHERE path = ?', path);
      if (row) await destroyRow(row);
    },
  });

  const networks: Networks = {
    async create({ name, driver = 'bridge', internal = false, labels = {}, options: driverOptions = {}, subnets }) {
      if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
        throw new StrataError('invalid_argument', `invalid network name: ${JSON.stringify(name)}`, {
          hint: 'letters, digits, and after the first _ . -',
        });
      if (['bridge', 'host', 'none', 'default'].includes(name) || byColumn('name', name))
        throw new StrataError('conflict', `network with name ${name} already exists`);
      if (driver !== 'bridge')
        throw new StrataError('unsupported', `network driver ${JSON.stringify(driver)} is not supported`, {
          hint: 'bridge is',
        });
      const subnet = subnets?.[0] ? parseSubnet(subnets[0].subnet) : await freeSubnet();
      const id = newID();
      return save({
        id,
        name,
        driver: 'bridge',
        created: new Date().toISOString(),
        internal,
        labels,
        options: driverOptions,
        subnets: [
          { subnet: formatSubnet(subnet), gateway: subnets?.[0]?.gateway ?? formatAddress(firstAddress(subnet)) },
        ],
        bridge: driverOptions['com.docker.network.bridge.name'] ?? `br-${id.slice(0, 12)}`,
      });
    },
    get(ref) {
      const found =
        byColumn('name', ref === 'default' ? 'bridge' : ref) ??
        byColumn('id', ref) ??
        networks.list().find(({ id }) => ref.length >= 3 && id.startsWith(ref));
      if (found) return found;
      throw new StrataError('not_found', `network ${ref} not found`, { code: 'network_not_found' });
    },
    list: () =>
      db
        .all<{ definition: string }>('SELECT definition FROM networks ORDER BY name')
        .map(({ definition }) => JSON.parse(definition) as Network),
    async remove(ref) {
      const network = networks.get(ref);
      if (['bridge', 'host', 'none'].includes(network.name))
        throw new StrataError('permission_denied', `${network.name} is a pre-defined network and cannot be removed`);
      const used = db.all<{ owner: string }>(
        'SELECT s.owner FROM addresses a JOIN sandboxes s ON s.path = a.sandbox WHERE a.network = ?',
        network.id,
      );
      if (used.length > 0)
        throw new StrataError(
          'permission_denied',
          `error while removing network: network ${network.name} id ${network.id} has active endpoints`,
          { hint: 'stop the containers that use it first' },
        );
      db.run('DELETE FROM networks WHERE id = ?', network.id);
      await execFileAsync('ip', ['link', 'delete', network.bridge!], {
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      }).catch(() => undefined);
    },
    async prune({ labels = [] } = {}) {
      const removed: string[] = [];
      for (const network of networks.list()) {
        if (['bridge', 'host', 'none'].includes(network.name)) continue;
        if (
          !labels.every((label) => {
            const [key = '', value] = label.split('=');
            return Object.hasOwn(network.labels, key) && (value === undefined || network.labels[key] === value);
          })
        )
          continue;
        if (db.get('SELECT 1 FROM addresses WHERE network = ?', network.id)) continue;
        await networks.remove(network.id);
        removed.push(network.name);
      }
      return removed;
    },
    async connect(asked) {
      const plain =
        asked.networks.length === 1 &&
        (asked.networks[0]!.name === 'bridge' || asked.networks[0]!.name === 'default') &&
        asked.networks[0]!.ip === undefined &&
        Object.keys(asked.ports).length === 0;
      if (plain && asked.reusable) {
        const { path, endpoint } = await pool.take();
        db.run('UPDATE sandboxes SET owner = ? WHERE path = ?', asked.containerID, path);
        return { sandbox: { path }, endpoints: { bridge: { ...endpoint, EndpointID: newID() } }, ports: {} };
      }
      const { path, endpoints, published } = await makeSandbox(asked.containerID, asked);
      return { sandbox: { path }, endpoints, ports: portTable(published) };
    },
    async disconnect(containerID) {
      for (const row of db.all<{ path: string; request: string }>(
        'SELECT path, request FROM sandboxes WHERE owner = ?',
        containerID,
      )) {
        const fromPool = (JSON.parse(row.request) as NetavarkRequest).container_id?.startsWith('pool');
        if (fromPool) {
          db.run("UPDATE sandboxes SET owner = 'pool' WHERE path = ?", row.path);
          pool.giveBack(row.path, endpointOf(JSON.parse(row.request) as NetavarkRequest));
        } else await destroyRow(row);
      }
    },
    async lease() {
      const { path, endpoint } = await pool.take();
      return { sandbox: { path }, release: async () => pool.giveBack(path, endpoint) };
    },
    async prewarm() {
      await pool.prewarm();
    },
    async recover(known) {
      await defaultBridge();
      for (const row of db.all<{ path: string; owner: string; request: string }>(
        'SELECT path, owner, request FROM sandboxes',
      )) {
        if (row.owner !== 'pool' && known.has(row.owner)) continue;
        await destroyRow(row);
      }
    },
    resolvers: hostResolvers,
    async close() {
      await pool.drain();
    },
  };

  function endpointOf(request: NetavarkRequest): EndpointSettings {
    const network = byColumn('name', 'bridge')!;
    const ip = request.networks[network.id]?.static_ips[0] ?? '';
    return {
      IPAddress: ip,
      IPPrefixLen: parseSubnet(network.subnets[0]!.subnet).prefix,
      Gateway: network.subnets[0]!.gateway ?? '',
      NetworkID: network.id,
      MacAddress: '',
    };
  }

  return networks;
}

/**
 * The definition of a network in netavark's words. Its name there is the id: netavark names a network's firewall chain
 * for it, so that engines beside each other (each has a "bridge") would remove each other's rules.
 */
function networkInfo(network: Network): NetavarkRequest['network_info'][string] {
  return {
    name: network.id,
    id: network.id,
    driver: 'bridge',
    network_interface: network.bridge,
    subnets: network.subnets,
    ipv6_enabled: false,
    internal: network.internal,
    dns_enabled: network.name !== 'bridge',
    ipam_options: { driver: 'host-local' },
  };
}

function portTable(published: readonly Published[]): Record<string, Required<PortBinding>[]> {
  const table: Record<string, Required<PortBinding>[]> = {};
  for (const { containerPort, protocol, hostIp, hostPort } of published) {
    const key = `${containerPort}/${protocol}`;
    table[key] = [...(table[key] ?? []), { HostIp: hostIp === '' ? '0.0.0.0' : hostIp, HostPort: String(hostPort) }];
  }
  return table;
}

function newID(): string {
  return randomBytes(32).toString('hex');
}
