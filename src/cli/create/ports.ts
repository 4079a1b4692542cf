import { isIP } from 'node:net';
import { invalid } from './invalid.ts';

export interface Published {
  /** `80/tcp` */
  readonly exposed: Record<string, object>;
  readonly bindings: Record<string, { readonly HostIp: string; readonly HostPort: string }[]>;
}

/** Reads `--publish`: `[[ip:][host]:]container[/protocol]`, with ranges. */
export function parsePublished(specs: readonly string[]): Published {
  const exposed: Published['exposed'] = {};
  const bindings: Published['bindings'] = {};
  for (const spec of specs) {
    for (const { port, binding } of publishedBy(spec.includes('=') ? longForm(spec) : spec)) {
      exposed[port] = {};
      bindings[port] = [...(bindings[port] ?? []), binding];
    }
  }
  return { exposed, bindings };
}

/** Reads `--expose`: a port or a range. */
export function parseExposed(specs: readonly string[]): Record<string, object> {
  const ports: Record<string, object> = {};
  for (const spec of specs) {
    if (spec.includes(':')) throw invalid(`invalid port format for --expose: ${spec}`);
    const [range, protocol] = splitProtocol(spec);
    const parsed = parseRange(range);
    if (!parsed)
      throw invalid(
        `invalid range format for --expose: ${spec}, error: strconv.ParseUint: parsing ${JSON.stringify(range)}: invalid syntax`,
      );
    for (let port = parsed.first; port <= parsed.last; port++) ports[`${port}/${protocol}`] = {};
  }
  return ports;
}

function publishedBy(spec: string) {
  const [address, protocol] = splitProtocol(spec);
  const { ip, host, container } = splitAddress(address);
  if (container === '') throw invalid(`No port specified: ${spec}<empty>`);
  if (ip !== '' && isIP(ip) === 0) throw invalid(`invalid IP address: ${ip}`);
  const inside = parseRange(container);
  if (!inside) throw invalid(`invalid containerPort: ${container}`);
  const outside = host === '' ? undefined : parseRange(host);
  if (host !== '' && !outside) throw invalid(`invalid hostPort: ${host}`);
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw invalid(`invalid proto: ${protocol}`);
  const count = inside.last - inside.first;
  // One container port may be given a whole range of host ports, of which the first free one is taken.
  const anyOf = outside && count === 0 && outside.last > outside.first;
  if (outside && !anyOf && outside.last - outside.first !== count) {
    throw invalid(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
  }
  return Array.from({ length: count + 1 }, (_, index) => ({
    port: `${inside.first + index}/${protocol}`,
    binding: { HostIp: ip, HostPort: !outside ? '' : anyOf ? host : String(outside.first + index) },
  }));
}

function splitProtocol(spec: string): [string, string] {
  const slash = spec.indexOf('/');
  return slash === -1 ? [spec, 'tcp'] : [spec.slice(0, slash), spec.slice(slash + 1).toLowerCase() || 'tcp'];
}

function splitAddress(address: string): { ip: string; host: string; container: string } {
  const bracketed = /^\[([^\]]*)\]:([^:]*):([^:]*)$/.exec(address);
  if (bracketed) return { ip: bracketed[1]!, host: bracketed[2]!, container: bracketed[3]! };
  const parts = address.split(':');
  const container = parts.pop()!;
  const host = parts.pop() ?? '';
  return { ip: parts.join(':'), host, container };
}

function parseRange(text: string): { first: number; last: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return last < first || last > 65535 ? undefined : { first, last };
}

/** `target=80,published=8080,protocol=tcp` in the short form. */
function longForm(spec: string): string {
  const fields = Object.fromEntries(spec.split(',').map((field) => field.split('=') as [string, string]));
  const { target, published = '', protocol = 'tcp' } = fields;
  if (!target) throw invalid(`invalid publish opts format (should be name=value but got '${spec}')`);
  return `${published === '' ? '' : `${published}:`}${target}/${protocol}`;
}
