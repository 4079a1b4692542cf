import { isIP } from 'node:net';
import { StrataError } from '../errors/index.ts';
import { quote } from './go-text.ts';

/** A port of EXPOSE, taken apart: `[ip:][hostPort:]containerPort[/protocol]`. */
export interface PortSpec {
  readonly ip: string;
  readonly hostPort: string;
  readonly containerPort: string;
  /** As written; empty where none is given. */
  readonly protocol: string;
}

function fault(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'invalid_port' });
}

export function splitPortSpec(text: string): PortSpec {
  const parts = text.split(':');
  const container = parts.pop()!;
  const hostPort = parts.pop() ?? '';
  const cut = container.indexOf('/');
  return {
    ip: parts.join(':'),
    hostPort,
    containerPort: cut < 0 ? container : container.slice(0, cut),
    protocol: cut < 0 ? '' : container.slice(cut + 1),
  };
}

/**
 * Expands the words of EXPOSE to `port/protocol` entries: ranges become one entry each, the protocol is in lower case
 * and `tcp` where none is given, and a host part is checked and dropped.
 *
 * @throws StrataError invalid_argument in the reference's words
 */
export function parsePorts(words: readonly string[]): string[] {
  return words.flatMap(parsePort);
}

function parsePort(text: string): string[] {
  const { ip, hostPort, containerPort, protocol } = splitPortSpec(text);
  if (containerPort === '') throw fault(`invalid port: ${quote(text)}: no port specified`);
  const proto = protocol.toLowerCase() || 'tcp';
  if (proto !== 'tcp' && proto !== 'udp' && proto !== 'sctp') {
    throw fault(`invalid port: ${quote(text)}: invalid proto: ${proto}`);
  }
  const address = ip.startsWith('[') && ip.endsWith(']') ? ip.slice(1, -1) : ip;
  if (address !== '' && isIP(address) === 0) throw fault(`invalid IP address: ${address}`);
  const range = portRange(containerPort);
  if (!range) throw fault(`invalid containerPort: ${containerPort}`);
  checkHostPort(hostPort, containerPort, range.last - range.first);
  return Array.from({ length: range.last - range.first + 1 }, (_, index) => `${range.first + index}/${proto}`);
}

function checkHostPort(hostPort: string, containerPort: string, span: number): void {
  if (hostPort === '') return;
  const host = portRange(hostPort);
  if (!host) throw fault(`invalid hostPort: ${hostPort}`);
  // A range of host ports for one container port is allowed: one of them is picked later.
  if (span !== 0 && host.last - host.first !== span) {
    throw fault(`invalid ranges specified for container and host Ports: ${containerPort} and ${hostPort}`);
  }
}

function portRange(text: string): { first: number; last: number } | undefined {
  const cut = text.indexOf('-');
  const first = portNumber(cut < 0 ? text : text.slice(0, cut));
  const last = cut < 0 ? first : portNumber(text.slice(cut + 1));
  return first === undefined || last === undefined || last < first ? undefined : { first, last };
}

function portNumber(text: string): number | undefined {
  if (!/^\+?\d+$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}
