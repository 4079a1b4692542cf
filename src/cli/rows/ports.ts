import type { PortSummary } from '../../wire/index.ts';

/** The ports of a container in one line; runs of ports that are published under their own numbers become ranges. */
export function portText(ports: readonly PortSummary[] | null): string {
  const open = new Map<string, { first: number; last: number }>();
  const ranges: string[] = [];
  const single: string[] = [];
  for (const port of [...(ports ?? [])].sort(comparePorts)) {
    const { IP, PrivatePort, PublicPort, Type } = port;
    if (IP && PublicPort !== PrivatePort) {
      single.push(`${hostPort(IP, String(PublicPort ?? 0))}->${PrivatePort}/${Type}`);
      continue;
    }
    const key = IP ? `${IP}/${Type}` : Type;
    const range = open.get(key);
    if (range && PrivatePort === range.last + 1) {
      range.last = PrivatePort;
      continue;
    }
    if (range) ranges.push(rangeText(key, range));
    open.set(key, { first: PrivatePort, last: PrivatePort });
  }
  return [...ranges, ...[...open].map(([key, range]) => rangeText(key, range)), ...single].join(', ');
}

function rangeText(key: string, { first, last }: { first: number; last: number }): string {
  const slash = key.lastIndexOf('/');
  const range = first === last ? String(first) : `${first}-${last}`;
  if (slash === -1) return `${range}/${key}`;
  return `${hostPort(key.slice(0, slash), range)}->${range}/${key.slice(slash + 1)}`;
}

export function hostPort(host: string, port: string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function comparePorts(a: PortSummary, b: PortSummary): number {
  return (
    a.PrivatePort - b.PrivatePort ||
    order(a.IP ?? '', b.IP ?? '') ||
    (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
    order(a.Type, b.Type)
  );
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
