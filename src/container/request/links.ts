import { StrataError } from '../../errors/index.ts';
import type { EndpointSettings } from '../../network/index.ts';
import { sharedNetwork } from '../networks/network-mode.ts';
import { type ContainerRecord, hasProcess } from '../record.ts';
import type { ContainerStore } from '../store.ts';
import type { HostConfig } from '../types.ts';

/** `invalid_argument` for what is no link. */
function checkLink(link: string): void {
  const problem =
    link === ''
      ? 'empty string specified for links'
      : link.split(':').length > 2
        ? `bad format for links: ${link}`
        : link.startsWith(':')
          ? 'could not get container for : invalid name or ID supplied: ""'
          : undefined;
  if (problem !== undefined) throw new StrataError('invalid_argument', problem, { code: 'invalid_link' });
}

/** `container:alias`, or `container` alone. */
function parseLink(link: string): { readonly target: string; readonly alias: string } {
  const [target = '', alias = target] = link.split(':', 2);
  return { target: target.replace(/^\//, ''), alias: alias.replace(/^.*\//, '') };
}

/** `invalid_argument` in Docker's words when a link names a container that is not there. */
export function checkLinks({ Links: links }: HostConfig, store: ContainerStore): void {
  for (const link of links ?? []) {
    checkLink(link);
    const { target } = parseLink(link);
    try {
      store.get(target);
    } catch (cause) {
      const message = `could not get container for ${target}: No such container: ${target}`;
      throw new StrataError('invalid_argument', message, { code: 'link_not_found', cause });
    }
  }
}

/**
 * Lines of /etc/hosts for the old way of naming other containers, from the host configuration (the default bridge) and
 * from endpoints. The address is that of the container when the one with the link starts.
 */
export function linkLines(
  record: ContainerRecord,
  endpoints: Readonly<Record<string, EndpointSettings>>,
  store: ContainerStore,
): readonly string[] {
  const links = [...(record.host.Links ?? []), ...Object.values(endpoints).flatMap(({ Links }) => Links ?? [])];
  const lines = links.map(parseLink).flatMap(({ target, alias }) => {
    const other = store.all().find(({ name, id }) => name === target || id.startsWith(target));
    if (!other || !hasProcess(other)) return [];
    const shared = Object.keys(endpoints).find((network) => other.networks[network]?.IPAddress);
    const names = [...new Set([alias, other.config.Hostname ?? other.id.slice(0, 12), other.name])];
    return shared === undefined ? [] : [`${other.networks[shared]!.IPAddress}\t${names.join(' ')}`];
  });
  return [...new Set(lines)];
}

/**
 * Variables by which a container on the default bridge learns of those that it is linked to, as Docker has made them since
 * its beginnings: ports, name and variables of each. `conflict` in Docker's words where one does not run.
 */
export function linkVariables(
  record: ContainerRecord,
  endpoints: Readonly<Record<string, EndpointSettings>>,
  store: ContainerStore,
): readonly string[] {
  if (!endpoints['bridge']) return [];
  return (record.host.Links ?? []).map(parseLink).flatMap(({ target, alias }) => {
    const other = store.get(target);
    const name = `/${record.name}/${alias}`;
    const refuse = (message: string) => new StrataError('conflict', message, { code: 'link_not_running' });
    if (!hasProcess(other)) throw refuse(`Cannot link to a non running container: /${other.name} AS ${name}`);
    const ip = other.networks['bridge']?.IPAddress;
    if (!ip) throw refuse(`container ${other.id} not attached to default bridge network`);
    return variablesOf(other, { alias, name, ip });
  });
}

function variablesOf(
  { config }: ContainerRecord,
  { alias, name, ip }: { readonly alias: string; readonly name: string; readonly ip: string },
): readonly string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_');
  const own = (config.Env ?? []).flatMap((entry) => {
    const at = entry.indexOf('=');
    const key = entry.slice(0, at);
    return at < 0 || key === 'HOME' || key === 'PATH' ? [] : [`${prefix}_ENV_${key}=${entry.slice(at + 1)}`];
  });
  return [...portVariables(prefix, ip, sortedPorts(config.ExposedPorts ?? {})), `${prefix}_NAME=${name}`, ...own];
}

interface ExposedPort {
  readonly port: number;
  readonly protocol: string;
}

/** TCP first, then by number. */
function sortedPorts(exposed: Readonly<Record<string, unknown>>): readonly ExposedPort[] {
  const rank = ({ protocol }: ExposedPort) => (protocol === 'tcp' ? 0 : 1);
  return Object.keys(exposed)
    .flatMap((text) => {
      const [numbers = '', protocol = 'tcp'] = text.split('/');
      const port = Number(numbers);
      return Number.isInteger(port) ? [{ port, protocol: protocol.toLowerCase() }] : [];
    })
    .sort((a, b) => rank(a) - rank(b) || a.port - b.port);
}

/** One of each port, and of ports in a row what the first and the last are. */
function portVariables(prefix: string, ip: string, ports: readonly ExposedPort[]): readonly string[] {
  const [main] = ports;
  if (!main) return [];
  const address = ({ protocol, port }: ExposedPort) => `${protocol}://${ip}:${port}`;
  const named = ({ protocol, port }: ExposedPort) => `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
  const out = [`${prefix}_PORT=${address(main)}`];
  const row = (first: ExposedPort, last: ExposedPort) =>
    out.push(
      `${named(first)}_START=${address(first)}`,
      `${named(first)}_PORT_START=${first.port}`,
      `${named(first)}_END=${address(last)}`,
      `${named(first)}_PORT_END=${last.port}`,
    );
  let [first, last] = [main, main];
  for (const [index, one] of ports.entries()) {
    const name = named(one);
    out.push(
      `${name}=${address(one)}`,
      `${name}_ADDR=${ip}`,
      `${name}_PORT=${one.port}`,
      `${name}_PROTO=${one.protocol}`,
    );
    if (index === 0) continue;
    const goesOn = one.port === last.port + 1 && one.protocol === first.protocol;
    if (goesOn) last = one;
    if (first !== last && (!goesOn || index === ports.length - 1)) row(first, last);
    if (!goesOn) [first, last] = [one, one];
  }
  return out;
}

/** The aliases of links on a network, with the addresses of those containers that are on it now. */
export function linkedAddresses(
  links: readonly string[],
  network: string,
  store: ContainerStore,
): readonly { readonly name: string; readonly address: string }[] {
  return links.map(parseLink).flatMap(({ target, alias }) => {
    const other = store.all().find(({ name, id }) => name === target || id.startsWith(target));
    const address = other && hasProcess(other) ? other.networks[network]?.IPAddress : undefined;
    return address ? [{ name: alias, address }] : [];
  });
}

/** Containers in an order in which they can start: those that others are linked to, or are in the network of, come first. */
export function inOrderOfNeed(records: readonly ContainerRecord[]): readonly ContainerRecord[] {
  const out = new Set<ContainerRecord>();
  const visiting = new Set<ContainerRecord>();
  const visit = (record: ContainerRecord): void => {
    if (out.has(record) || visiting.has(record)) return;
    visiting.add(record);
    const { Links = [] } = record.host;
    const needs = [...Links.map((link) => parseLink(link).target), sharedNetwork(record.host)];
    for (const need of needs) {
      const other = need && records.find(({ id, name }) => name === need || id === need);
      if (other) visit(other);
    }
    out.add(record);
  };
  for (const record of records) visit(record);
  return [...out];
}

/** Ids of running containers that a link leads from to this one. */
export function linkedFrom({ id, name }: ContainerRecord, store: ContainerStore): readonly string[] {
  return store
    .all()
    .filter(
      (other) =>
        hasProcess(other) &&
        [...(other.host.Links ?? []), ...Object.values(other.networks).flatMap(({ Links }) => Links ?? [])]
          .map((link) => parseLink(link).target)
          .some((target) => target === name || (target.length >= 3 && id.startsWith(target))),
    )
    .map((other) => other.id);
}
