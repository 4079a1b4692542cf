import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where this machine gets Debian packages from: only there are others sure to be reachable. */
export function debianMirror(): string {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ];
  const texts = files
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const uris = [...texts.matchAll(/^URIs:\s*(.+)$/gm)].flatMap((match) => match[1]!.split(/\s+/));
  uris.push(...[...texts.matchAll(/^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/gm)].map((match) => match[1]!));
  const mirror = uris.find((uri) => /debian\/?$/.test(uri));
  if (mirror === undefined) throw new Error('no Debian mirror in /etc/apt');
  return mirror;
}
