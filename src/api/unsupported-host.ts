import type { HostConfig } from '../container/index.ts';
import { StrataError } from '../errors/index.ts';

/** Refuses what would otherwise be dropped in silence although the container relies on it. */
export function assertSupportedHost(host: HostConfig): void {
  const given = host as HostConfig & Readonly<Record<string, unknown>>;
  const refuse = (message: string) => new StrataError('invalid_argument', message, { code: 'unsupported_option' });
  const runtime = given['Runtime'];
  if (typeof runtime === 'string' && !['', 'runc', 'crun', 'io.containerd.runc.v2'].includes(runtime)) {
    throw refuse(`unknown or invalid runtime name: ${runtime}`);
  }
  if (given['Isolation'] && given['Isolation'] !== 'default') {
    throw refuse(`invalid isolation (${given['Isolation']}): linux only supports 'default'`);
  }
}
