import type { HostConfig, MountSpec } from '../container/index.ts';
import { StrataError } from '../errors/index.ts';
import type { EndpointSettings } from '../network/index.ts';
import { before } from './version.ts';

type Endpoints = Readonly<Record<string, EndpointSettings>>;

/** The host configuration that a client of an older version means; refused is what would be less safe than it says. */
export function hostAsMeant(host: HostConfig, version: string): HostConfig {
  const mounts = host.Mounts ?? [];
  if (before(version, 'recursiveReadOnly') && mounts.some(({ BindOptions }) => BindOptions?.ReadOnlyForceRecursive))
    throw needs('BindOptions.ReadOnlyForceRecursive', '1.44');
  if (before(version, 'subpaths') && mounts.some(({ VolumeOptions }) => VolumeOptions?.Subpath))
    throw needs('VolumeOptions.Subpath', '1.45');
  return {
    ...host,
    ...(before(version, 'privateIpc') && !host.IpcMode && { IpcMode: 'shareable' }),
    ...(before(version, 'foreignMountOptions') && host.Mounts && { Mounts: mounts.map(withoutForeignOptions) }),
  };
}

function needs(what: string, version: string): StrataError {
  return new StrataError('invalid_argument', `${what} needs API v${version} or newer`, { code: 'newer_api' });
}

/** Options of volumes on other mounts than binds, and of tmpfs on others, had no effect. */
function withoutForeignOptions({ VolumeOptions: volume, TmpfsOptions: tmpfs, ...mount }: MountSpec): MountSpec {
  return {
    ...mount,
    ...(volume && mount.Type !== 'tmpfs' && { VolumeOptions: volume }),
    ...(tmpfs && mount.Type === 'tmpfs' && { TmpfsOptions: tmpfs }),
  };
}

/** The networks that a client of an older version means: one at most, which has no MAC address of its own. */
export function endpointsAsMeant(given: Endpoints | undefined, version: string): Endpoints | undefined {
  if (given === undefined || !before(version, 'severalEndpoints')) return given;
  const names = Object.keys(given);
  if (names.length > 1)
    throw new StrataError(
      'invalid_argument',
      `Container cannot be created with multiple network endpoints: ${names.join(', ')}`,
      { code: 'newer_api' },
    );
  return Object.fromEntries(Object.entries(given).map(([name, { MacAddress: _, ...rest }]) => [name, rest]));
}
