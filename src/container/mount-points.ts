/** The mounts that a user asked for: `-v`, `--mount`, `--tmpfs`, `--volumes-from`, and the image's VOLUMEs. */
import { mkdirSync, statSync } from 'node:fs';
import { isAbsolute, posix } from 'node:path';
import { StrataError } from '../errors/index.ts';
import type { Volumes } from '../volume/index.ts';
import type { SpecMount } from './spec.ts';
import type { Container, ContainerConfig, HostConfig } from './types.ts';

export type MountPoint = Container['mounts'][number];

export interface MountPoints {
  readonly mounts: readonly MountPoint[];
  /** Volumes made for this container without a name. */
  readonly anonymous: readonly string[];
  /** Volumes that take what the image has at their place when they are still empty. */
  readonly populate: readonly { readonly name: string; readonly target: string }[];
}

export async function collectMountPoints(
  config: ContainerConfig,
  host: HostConfig,
  volumes: Volumes,
  from: readonly MountPoint[],
): Promise<MountPoints> {
  const points = new Map<string, MountPoint>();
  const anonymous: string[] = [];
  const populate: { name: string; target: string }[] = [];
  const target = (text: string) => {
    if (!text.startsWith('/'))
      throw new StrataError(
        'invalid_argument',
        `invalid mount config: invalid mount path: '${text}' mount path must be absolute`,
      );
    const clean = posix.normalize(text).replace(/(.)\/$/, '$1');
    if (clean === '/')
      throw new StrataError(
        'invalid_argument',
        "invalid mount config: invalid specification: destination can't be '/'",
      );
    return clean;
  };
  const volumePoint = async (
    name: string | undefined,
    destination: string,
    rw: boolean,
    mode: string,
    noCopy: boolean,
  ) => {
    const volume = await volumes.create(name === undefined ? { anonymous: true } : { name });
    if (name === undefined) anonymous.push(volume.name);
    if (!noCopy) populate.push({ name: volume.name, target: destination });
    points.set(destination, {
      Type: 'volume',
      Name: volume.name,
      Source: volume.mountpoint,
      Destination: destination,
      Driver: 'local',
      Mode: mode,
      RW: rw,
      Propagation: '',
    });
  };

  for (const point of from) points.set(point.Destination, point);
  for (const bind of host.Binds ?? []) {
    const { source, destination, mode } = splitBind(bind);
    const at = target(destination);
    const rw = !mode.split(',').includes('ro');
    if (source === undefined || !isAbsolute(source))
      await volumePoint(source, at, rw, mode || 'z', mode.includes('nocopy'));
    else {
      // The classic -v makes a missing folder; --mount does not.
      mkdirMissing(source);
      points.set(at, { Type: 'bind', Source: source, Destination: at, Mode: mode, RW: rw, Propagation: 'rprivate' });
    }
  }
  for (const mount of host.Mounts ?? []) {
    const at = target(mount.Target);
    const rw = !mount.ReadOnly;
    if (mount.Type === 'bind') {
      if (!mount.Source || !isAbsolute(mount.Source))
        throw new StrataError(
          'invalid_argument',
          `invalid mount config for type "bind": invalid mount path: '${mount.Source ?? ''}' mount path must be absolute`,
        );
      if (mount.BindOptions?.CreateMountpoint) mkdirMissing(mount.Source);
      if (!exists(mount.Source))
        throw new StrataError(
          'invalid_argument',
          `invalid mount config for type "bind": bind source path does not exist: ${mount.Source}`,
          { hint: 'make the folder first' },
        );
      points.set(at, {
        Type: 'bind',
        Source: mount.Source,
        Destination: at,
        Mode: '',
        RW: rw,
        Propagation: mount.BindOptions?.Propagation || 'rprivate',
      });
    } else if (mount.Type === 'volume')
      await volumePoint(mount.Source || undefined, at, rw, 'z', mount.VolumeOptions?.NoCopy ?? false);
    else if (mount.Type === 'tmpfs')
      points.set(at, {
        Type: 'tmpfs',
        Source: tmpfsOptions(mount.TmpfsOptions),
        Destination: at,
        Mode: '',
        RW: rw,
        Propagation: '',
      });
    else
      throw new StrataError(
        'invalid_argument',
        `invalid mount config: mount type ${JSON.stringify(mount.Type)} is not supported`,
      );
  }
  for (const [path, options] of Object.entries(host.Tmpfs ?? {})) {
    const at = target(path);
    points.set(at, { Type: 'tmpfs', Source: options, Destination: at, Mode: options, RW: true, Propagation: '' });
  }
  for (const path of Object.keys(config.Volumes ?? {})) {
    const at = target(path);
    if (!points.has(at)) await volumePoint(undefined, at, true, '', false);
  }
  return { mounts: [...points.values()], anonymous, populate };
}

function splitBind(bind: string): {
  readonly source: string | undefined;
  readonly destination: string;
  readonly mode: string;
} {
  const parts = bind.split(':');
  if (parts.length > 3 || parts.some((part) => part === ''))
    throw new StrataError('invalid_argument', `invalid volume specification: '${bind}'`, {
      hint: 'SOURCE:DESTINATION[:ro]',
    });
  if (parts.length === 1) return { source: undefined, destination: parts[0]!, mode: '' };
  const mode = parts[2] ?? '';
  const known = [
    'ro',
    'rw',
    'z',
    'Z',
    'nocopy',
    'consistent',
    'cached',
    'delegated',
    'private',
    'rprivate',
    'shared',
    'rshared',
    'slave',
    'rslave',
    '',
  ];
  if (!mode.split(',').every((word) => known.includes(word)))
    throw new StrataError('invalid_argument', `invalid mode: ${mode}`);
  return { source: parts[0]!, destination: parts[1]!, mode };
}

function mkdirMissing(path: string): void {
  if (!exists(path)) mkdirSync(path, { recursive: true, mode: 0o755 });
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function tmpfsOptions(options: { readonly SizeBytes?: number; readonly Mode?: number } | undefined): string {
  return [
    ...(options?.SizeBytes ? [`size=${options.SizeBytes}`] : []),
    ...(options?.Mode ? [`mode=${options.Mode.toString(8)}`] : []),
  ].join(',');
}

/** The points in the runtime spec's words, parents before children. */
export function specMounts(points: readonly MountPoint[]): readonly SpecMount[] {
  return points
    .toSorted((a, b) => a.Destination.split('/').length - b.Destination.split('/').length)
    .map((point): SpecMount => {
      const access = point.RW ? 'rw' : 'ro';
      if (point.Type === 'tmpfs')
        return {
          destination: point.Destination,
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['nosuid', 'nodev', 'noexec', ...point.Source.split(',').filter(Boolean), access],
        };
      return {
        destination: point.Destination,
        type: 'bind',
        source: point.Source,
        options: ['rbind', access, point.Propagation || 'rprivate'],
      };
    });
}
