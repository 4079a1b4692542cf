import { StrataError } from '../errors/index.ts';
import type { EndpointSettings } from '../network/index.ts';
import { type ContainerRecord, hasProcess } from './record.ts';
import type { ContainerStore } from './store.ts';
import type { HostConfig } from './types.ts';

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
