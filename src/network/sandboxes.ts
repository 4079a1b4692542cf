import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, readJson } from '../db/index.ts';
import { createNetworkNamespace, removeNetworkNamespace } from '../sys/index.ts';
import { giveBackAddress, takeAddress, type WantedAddress } from './addresses.ts';
import { bridgeOptions, nameServerOf } from './bridge-options.ts';
import { createBridgeRules, type OpenPort } from './bridge-rules.ts';
import { createDescriptors, relayShare } from './descriptors.ts';
import { hardwareAddress } from './hardware-address.ts';
import { hasIPv6, holdPort } from './held-port.ts';
import { checkLinkLocal, settleInterface, wantedInterfaceName } from './interface-settings.ts';
import { createNetavark, type NetavarkAnswer, type NetavarkRequest } from './netavark.ts';
import { takeBridgeAddress } from './pin-bridge.ts';
import { choosePorts, release } from './ports.ts';
import { gatewayOf, inOrder, needsRoute, routeOut, type Way } from './route-out.ts';
import { type NetworkStore, newID } from './store.ts';
import { parseSubnet } from './subnet.ts';
import type { EndpointSettings, HeldPort, Network, PortBinding, Published } from './types.ts';

export interface Membership {
  readonly network: Network;
  readonly aliases: readonly string[];
  readonly hostname?: string;
  readonly ip?: string;
  readonly lastIP?: string;
  readonly mac?: string;
  readonly linkLocal?: readonly string[];
  readonly driverOptions?: Readonly<Record<string, string>>;
  readonly priority?: number;
}

/** What a sandbox is attached to. */
export interface Attach {
  readonly containerID: string;
  readonly containerName: string;
  readonly networks: readonly Membership[];
  readonly ports: Readonly<Record<string, readonly PortBinding[]>>;
  readonly dns?: readonly string[];
}

export interface Attached {
  readonly path: string;
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  readonly published: readonly Published[];
}

export interface SandboxRow {
  readonly path: string;
  /** Id of a container, or `pool`. */
  readonly owner: string;
  readonly request: string;
}

/**
 * Network namespaces with what netavark did for them. The row comes first and goes last, so that whatever a killed
 * daemon left can be taken down.
 */
export interface Sandboxes {
  make(owner: string, attach: Attach): Promise<Attached>;
  /** Attaches a sandbox to one more network. */
  join(row: SandboxRow, attach: Attach, networks: NetworkStore): Promise<EndpointSettings>;
  leave(row: SandboxRow, network: Network, networks: NetworkStore): Promise<void>;
  /** Gives the sandbox's container another name on its networks; resolves with its names there, by the network's name. */
  rename(row: SandboxRow, attach: Omit<Attach, 'ports'>): Promise<Readonly<Record<string, readonly string[]>>>;
  /** Other containers of the network by the names that this one has for them. */
  nameLinks(
    row: SandboxRow,
    network: Network,
    links: readonly { readonly name: string; readonly address: string }[],
  ): Promise<void>;
  destroy(row: SandboxRow): Promise<void>;
  find(path: string): SandboxRow | undefined;
  all(): readonly SandboxRow[];
  ownedBy(owner: string): readonly SandboxRow[];
  give(path: string, owner: string): void;
  /** After a restart: holds the published ports of a sandbox again. One that a program has taken meanwhile is left to it. */
  holdAgain(row: SandboxRow): Promise<void>;
  /** After a restart: sees to it that the rules of the networks that a sandbox is on are there. */
  restoreRules(row: SandboxRow, networks: NetworkStore): Promise<void>;
  /** Takes the firewall rules of a network away. */
  forgetRules(network: Network): Promise<void>;
  /** Lets go of every published port; what the firewall forwards goes on. */
  close(): Promise<void>;
}

export function createSandboxes(db: Database, stateRoot: string): Sandboxes {
  const netavark = createNetavark(join(stateRoot, 'netavark'));
  const bridgeRules = createBridgeRules();
  const folder = join(stateRoot, 'netns');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const share = createDescriptors(relayShare());
  /** Choosing a port and taking it must not be mixed with another's. */
  let choosing: Promise<unknown> = Promise.resolve();

  /** Sockets on published ports, by the path of the sandbox. */
  const held = new Map<string, readonly HeldPort[]>();

  /** `lead`: the network that leads out, and the container's address there. */
  function takePorts(
    path: string,
    asked: Attach['ports'],
    lead: { readonly network: Network; readonly ip: string },
  ): Promise<readonly Published[]> {
    const next = choosing.then(async () => {
      if (Object.keys(asked).length === 0) return [];
      const { mode, hostBinding = '' } = bridgeOptions(lead.network.options);
      if (mode === 'routed') return openPorts(path, asked);
      const ports = Object.fromEntries(
        Object.entries(asked).map(([port, bindings]) => [
          port,
          bindings.map((one) => ({ ...one, HostIp: one.HostIp || hostBinding })),
        ]),
      );
      const containerIp = lead.ip;
      const hold = (one: Published) => holdPort(one, () => reachableAddress(sandboxes.find(path)), share);
      const chosen = await choosePorts(ports, { db, ipv6: await hasIPv6(), containerIp, hold });
      held.set(path, chosen.held);
      note(path, chosen.published);
      return chosen.published;
    });
    choosing = next.catch(() => undefined);
    return next;
  }

  function note(path: string, published: readonly Published[]): void {
    for (const { containerPort, hostIp, hostPort, protocol } of published)
      db.run(
        'INSERT INTO published_ports (protocol, host_ip, host_port, container_port, sandbox) VALUES (?, ?, ?, ?, ?)',
        protocol,
        hostIp,
        hostPort,
        containerPort,
        path,
      );
  }

  /** On a routed network a port is reached at the container's own address: no port of the host belongs to it. */
  function openPorts(path: string, asked: Attach['ports']): readonly Published[] {
    const published = Object.keys(asked).map((key) => {
      const [port = '', protocol = 'tcp'] = key.split('/');
      return { protocol, hostIp: '0.0.0.0', hostPort: noPort, containerPort: Number(port) };
    });
    note(path, published);
    return published;
  }

  /** What netavark has no words for, once it has made the bridge. */
  async function settleBridge(network: Network): Promise<void> {
    const options = bridgeOptions(network.options);
    const open =
      options.mode === 'routed'
        ? db.all<OpenPort & Record<string, unknown>>(
            'SELECT a.ip, p.protocol, p.container_port AS port FROM published_ports p JOIN addresses a ON a.sandbox = p.sandbox WHERE a.network = ? ORDER BY 1, 2, 3',
            network.id,
          )
        : [];
    await bridgeRules.ensure(network, open);
    if (options.inhibited) await takeBridgeAddress(network);
  }

  async function settleMembers(path: string, members: readonly Membership[], request: NetavarkRequest): Promise<void> {
    for (const { network, linkLocal = [], driverOptions = {} } of members) {
      await settleBridge(network);
      await settleInterface(path, { name: request.networks[network.id]!.interface_name, linkLocal, driverOptions });
    }
  }

  async function letGo(path: string): Promise<void> {
    const sockets = held.get(path) ?? [];
    held.delete(path);
    await release(sockets);
  }

  const save = (path: string, request: NetavarkRequest) =>
    db.run('UPDATE sandboxes SET request = ? WHERE path = ?', JSON.stringify(request), path);

  const sandboxes: Sandboxes = {
    async make(owner, attach) {
      const path = join(folder, randomBytes(8).toString('hex'));
      db.run('INSERT INTO sandboxes (path, owner, request) VALUES (?, ?, ?)', path, owner, '{}');
      try {
        for (const { linkLocal = [] } of attach.networks) checkLinkLocal(linkLocal);
        const ips = attach.networks.map((member) => takeAddress(db, member.network, path, wantedOf(member)));
        // From an internal network nothing leads out, and nothing in.
        const [lead] = inOrder(attach.networks).filter(({ network }) => !network.internal);
        const published = lead
          ? await takePorts(path, attach.ports, { network: lead.network, ip: ips[attach.networks.indexOf(lead)]! })
          : [];
        const request = requestOf(attach, ips, published);
        save(path, request);
        createNetworkNamespace(path);
        const answer = attach.networks.length > 0 ? await netavark.setup(path, request) : {};
        await settleMembers(path, attach.networks, request);
        if (needsRoute(attach.networks)) await routeOut(path, attach.networks, request);
        return { path, published, endpoints: endpointsOf(attach, answer) };
      } catch (error) {
        await sandboxes.destroy(sandboxes.find(path)!);
        throw error;
      }
    },
    async join({ path, request: text }, attach, networks) {
      const before = readRequest(text);
      const [member] = attach.networks as [Membership];
      const { network } = member;
      checkLinkLocal(member.linkLocal ?? []);
      const ips = [takeAddress(db, network, path, wantedOf(member))];
      const taken = Object.values(before.networks).map((one) => one.interface_name);
      const added = {
        ...requestOf(attach, ips, [], taken),
        port_mappings: before.port_mappings,
        ...(before.dns_servers && { dns_servers: before.dns_servers }),
      };
      const after = {
        ...added,
        networks: { ...before.networks, ...added.networks },
        network_info: { ...before.network_info, ...added.network_info },
        priorities: { ...before.priorities, ...added.priorities },
      };
      save(path, after);
      try {
        const answer = await netavark.setup(path, added);
        await settleMembers(path, [member], added);
        await routeOut(path, members(after, networks), after);
        return endpointsOf(attach, answer)[network.name]!;
      } catch (error) {
        await netavark.teardown(path, added).catch(() => undefined);
        save(path, before);
        giveBackAddress(db, network, path);
        throw error;
      }
    },
    async leave({ path, owner, request: text }, network, networks) {
      const before = readRequest(text);
      const only = <T>(all: Readonly<Record<string, T>>, keep: boolean) =>
        Object.fromEntries(Object.entries(all).filter(([id]) => (id === network.id) === keep));
      const part = (keep: boolean): NetavarkRequest => ({
        ...before,
        networks: only(before.networks, keep),
        network_info: only(before.network_info, keep),
      });
      // No longer one for the pool.
      const after = { ...part(false), container_id: owner };
      await netavark.teardown(path, part(true));
      save(path, after);
      giveBackAddress(db, network, path);
      await routeOut(path, members(after, networks), after);
    },
    async rename({ path, request: text }, attach) {
      const before = readRequest(text);
      const named = attach.networks.filter(
        ({ network }) => nameServerOf(network) !== undefined && before.networks[network.id],
      );
      const names = named.map((member) => ({ network: member.network, all: dnsNames(attach, member) }));
      const changed = names.map(({ network, all }) => [
        network.id,
        { ...before.networks[network.id]!, aliases: answeredNames(network, all) },
      ]);
      save(path, {
        ...before,
        container_name: attach.containerName,
        networks: { ...before.networks, ...Object.fromEntries(changed) },
      });
      await netavark.rename(
        before.container_id,
        Object.fromEntries(names.map(({ network, all }) => [network.id, answeredNames(network, all)])),
        names.map(({ network, all: [name] }) => ({
          server: network.subnets[0]!.gateway!,
          name: name!,
          address: before.networks[network.id]!.static_ips[0]!,
        })),
      );
      return Object.fromEntries(names.map(({ network, all }) => [network.name, all]));
    },
    async nameLinks({ request: text }, network, links) {
      const { container_id: id } = readRequest(text);
      const server = nameServerOf(network);
      if (server === undefined) return;
      const entries = links.map(({ name, address }) => ({ address, names: answeredNames(network, [name]) }));
      await netavark.link(id, network.id, entries, server);
    },
    async destroy({ path, request: text }) {
      const request = readRequest(text);
      await letGo(path);
      // It complains of what is half there, and takes the rest down all the same.
      if (Object.keys(request.networks).length > 0 && existsSync(path))
        await netavark.teardown(path, request).catch(() => undefined);
      // A damaged row may name whatever it likes.
      if (/\/netns\/[0-9a-f]{16}$/.test(path)) removeNetworkNamespace(path);
      db.run('DELETE FROM sandboxes WHERE path = ?', path);
    },
    find: (path) => db.get<SandboxRow & Record<string, unknown>>('SELECT * FROM sandboxes WHERE path = ?', path),
    all: () => db.all<SandboxRow & Record<string, unknown>>('SELECT * FROM sandboxes'),
    ownedBy: (owner) => db.all<SandboxRow & Record<string, unknown>>('SELECT * FROM sandboxes WHERE owner = ?', owner),
    give: (path, owner) => void db.run('UPDATE sandboxes SET owner = ? WHERE path = ?', owner, path),
    async holdAgain({ path }) {
      const rows = db.all<PublishedRow>(
        'SELECT protocol, host_ip, host_port, container_port FROM published_ports WHERE sandbox = ? AND container_port IS NOT NULL AND host_port <> ?',
        path,
        noPort,
      );
      const sockets = await Promise.allSettled(
        rows.map((row) => holdPort(publishedOf(row), () => reachableAddress(sandboxes.find(path)), share)),
      );
      held.set(
        path,
        sockets.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
      );
    },
    async restoreRules({ request }, networks) {
      const { networks: on } = readRequest(request);
      for (const id of Object.keys(on)) {
        const network = networks.all().find((one) => one.id === id);
        if (network) await settleBridge(network);
      }
    },
    forgetRules: bridgeRules.forget,
    async close() {
      for (const path of [...held.keys()]) await letGo(path);
    },
  };
  return sandboxes;
}

interface PublishedRow extends Record<string, unknown> {
  readonly protocol: string;
  readonly host_ip: string;
  readonly host_port: number;
  readonly container_port: number;
}

function publishedOf(row: PublishedRow): Published {
  const { protocol, host_ip: hostIp, host_port: hostPort, container_port: containerPort } = row;
  return { protocol, hostIp, hostPort, containerPort };
}

/** What netavark was told; of a row that cannot be read, that it was told nothing. */
function readRequest(text: string): NetavarkRequest {
  const nothing = { container_id: '', container_name: '', port_mappings: [], networks: {}, network_info: {} };
  return { ...nothing, ...readJson<NetavarkRequest>(text) };
}

/** The sandbox's address that published ports lead to; it changes when a container changes its networks. */
function reachableAddress(row: SandboxRow | undefined): string | undefined {
  if (!row) return undefined;
  const { networks, network_info: info, priorities = {} } = readRequest(row.request);
  const rank = (id: string) => priorities[id] ?? 0;
  const [network] = Object.keys(networks)
    .filter((id) => info[id]?.['internal'] !== true)
    .sort((a, b) => rank(b) - rank(a));
  return network === undefined ? undefined : networks[network]!.static_ips[0];
}

/** Makes a sandbox for the pool: on the default bridge, for nobody yet. */
export async function pooled(sandboxes: Sandboxes, bridge: Network) {
  const id = `pool${randomBytes(4).toString('hex')}`;
  const { path, endpoints } = await sandboxes.make('pool', {
    containerID: id,
    containerName: id,
    networks: [{ network: bridge, aliases: [] }],
    ports: {},
  });
  return { path, endpoint: endpoints[bridge.name]! };
}

/** Made for the pool, whoever has it now. */
export function isPooled({ request }: SandboxRow): boolean {
  return readRequest(request).container_id.startsWith('pool');
}

function members({ networks, priorities = {} }: NetavarkRequest, store: NetworkStore): readonly Way[] {
  return Object.keys(networks).map((id) => ({ network: store.get(id), priority: priorities[id] ?? 0 }));
}

function wantedOf({ ip, lastIP }: Membership): WantedAddress {
  return { ...(ip !== undefined && { ip }), ...(lastIP && { last: lastIP }) };
}

/** In place of a port of the host: there is none. */
const noPort = 0;

/** `taken`: names of interfaces that the namespace has. */
function requestOf(
  attach: Attach,
  ips: readonly string[],
  published: readonly Published[],
  taken: readonly string[] = [],
): NetavarkRequest {
  const { containerID, containerName, networks } = attach;
  const names = interfaceNames(networks, new Set(taken));
  return {
    container_id: containerID,
    container_name: containerName,
    ...(attach.dns?.length && { dns_servers: attach.dns }),
    // What comes by IPv6 is passed on by the daemon: the containers have IPv4 addresses alone.
    port_mappings: published
      .filter(({ hostIp, hostPort }) => !hostIp.includes(':') && hostPort !== noPort)
      .map(({ containerPort, hostIp, hostPort, protocol }) => ({
        container_ip: '',
        container_port: containerPort,
        host_ip: hostIp === '0.0.0.0' ? '' : hostIp,
        host_port: hostPort,
        protocol,
        range: 1,
      })),
    networks: Object.fromEntries(
      networks.map(({ network, mac, ...known }, i) => [
        network.id,
        {
          interface_name: names[i]!,
          static_ips: [ips[i]!],
          static_mac: mac || hardwareAddress(ips[i]!),
          ...(nameServerOf(network) !== undefined && { aliases: answeredNames(network, dnsNames(attach, known)) }),
        },
      ]),
    ),
    network_info: Object.fromEntries(networks.map(({ network }) => [network.id, networkInfo(network)])),
    priorities: Object.fromEntries(
      networks.flatMap(({ network, priority }) => (priority ? [[network.id, priority]] : [])),
    ),
  };
}

function interfaceNames(networks: readonly Membership[], taken: Set<string>): readonly string[] {
  return networks.map(({ network, driverOptions = {} }) => {
    const name = wantedInterfaceName(driverOptions, taken) ?? freeInterface(network, taken);
    taken.add(name);
    return name;
  });
}

function freeInterface(network: Network, taken: ReadonlySet<string>): string {
  const { interfacePrefix } = bridgeOptions(network.options);
  let number = 0;
  while (taken.has(`${interfacePrefix}${number}`)) number++;
  return `${interfacePrefix}${number}`;
}

/** A container is known by its names alone, and by them with the network's name behind, where that can be part of one. */
function answeredNames({ name }: Network, names: readonly string[]): readonly string[] {
  if (!/^[\w.-]{1,63}$/.test(name)) return names;
  return [...names, ...names.map((one) => `${one}.${name}`)];
}

function dnsNames(
  { containerID, containerName }: Pick<Attach, 'containerID' | 'containerName'>,
  { aliases, hostname }: Pick<Membership, 'aliases' | 'hostname'>,
): readonly string[] {
  return [...new Set([containerName, ...aliases, containerID.slice(0, 12), ...(hostname ? [hostname] : [])])];
}

/**
 * The definition of a network in netavark's words. Its name there is the id: netavark names a network's firewall chain
 * for it, so that engines beside each other (each has a "bridge") would remove each other's rules.
 */
function networkInfo(network: Network): NetavarkRequest['network_info'][string] {
  const { mtu } = bridgeOptions(network.options);
  return {
    name: network.id,
    id: network.id,
    driver: 'bridge',
    network_interface: network.bridge,
    subnets: network.subnets.map(({ subnet, gateway }) => ({ subnet, ...(gateway && { gateway }) })),
    ipv6_enabled: false,
    internal: network.internal,
    dns_enabled: nameServerOf(network) !== undefined,
    ipam_options: { driver: 'host-local' },
    // One network's containers do not reach another's.
    options: { isolate: 'true', ...(mtu && { mtu: String(mtu) }) },
  };
}

function endpointsOf(attach: Attach, answer: NetavarkAnswer): Record<string, EndpointSettings> {
  return Object.fromEntries(
    attach.networks.map(({ network, ...names }): [string, EndpointSettings] => {
      const [face] = Object.values(answer[network.id]?.interfaces ?? {});
      const [ip = '', prefix = '0'] = face?.subnets[0]?.ipnet.split('/') ?? [];
      return [
        network.name,
        {
          Aliases: names.aliases,
          IPAddress: ip,
          IPPrefixLen: Number(prefix),
          Gateway: gatewayOf(network) ?? '',
          MacAddress: face?.mac_address ?? '',
          NetworkID: network.id,
          EndpointID: newID(),
          ...(nameServerOf(network) !== undefined && { DNSNames: dnsNames(attach, names) }),
        },
      ];
    }),
  );
}

/** What a sandbox on `network` alone was given, from its row. */
export function endpointOfRow({ request }: SandboxRow, network: Network): EndpointSettings {
  const { networks } = readRequest(request);
  const given = networks[network.id];
  return {
    IPAddress: given?.static_ips[0] ?? '',
    IPPrefixLen: parseSubnet(network.subnets[0]!.subnet).prefix,
    Gateway: network.subnets[0]!.gateway ?? '',
    NetworkID: network.id,
    MacAddress: given?.static_mac ?? '',
  };
}
