import { existsSync, readFileSync } from 'node:fs';
import { StrataError } from '../errors/index.ts';
import { isInterfaceName } from './bridge-options.ts';
import type { NetworkStore } from './store.ts';

/** The alias (`ip link show`) of every bridge that an engine made: what has another one, or none, is somebody else's. */
export const bridgeMark = 'strata network';

export function isOwnBridge(name: string): boolean {
  try {
    return readFileSync(`/sys/class/net/${name}/ifalias`, 'utf8').trim() === bridgeMark;
  } catch {
    return false;
  }
}

/**
 * Refuses a name for a new bridge that cannot be one, that another network has, or that is an interface of somebody
 * else's: the last container that left would take that away.
 */
export function checkBridgeName(name: string, store: NetworkStore): void {
  if (!isInterfaceName(name))
    throw new StrataError('invalid_argument', `invalid bridge name: ${JSON.stringify(name)}`, {
      code: 'invalid_bridge',
      hint: 'at most 15 characters',
    });
  const other = store.all().find(({ bridge }) => bridge === name);
  if (other)
    throw new StrataError(
      'permission_denied',
      `cannot create network (${name}): conflicts with network ${other.id} (${name}): networks have same bridge name`,
      { code: 'bridge_in_use' },
    );
  refuseForeign(name);
}

/** `failed_precondition` where an interface of that name is there that no engine made. */
export function refuseForeign(name: string): void {
  if (!existsSync(`/sys/class/net/${name}`) || isOwnBridge(name)) return;
  throw new StrataError('failed_precondition', `interface ${name} exists already and is not one of this engine's`, {
    code: 'foreign_bridge',
    hint: 'choose another name for the bridge',
  });
}
