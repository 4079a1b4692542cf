/** The mounts that a user asked for: `-v`, `--mount`, `--tmpfs`, `--volumes-from`, and the image's VOLUMEs. */
import { statSync } from 'node:fs';
import { release } from 'node:os';
import { StrataError } from '../../errors/index.ts';
import { cleanPath, type SpecMount } from '../../runtime/index.ts';
import type { Volumes } from '../../volume/index.ts';
import type { Container, ContainerConfig, HostConfig, MountSpec } from '../types.ts';
import { type Bind, parseBind } from './bind-text.ts';
import { tmpfsMountOptions, tmpfsText } from './tmpfs-options.ts';

export type MountPoint = Container['mounts'][number];

export interface MountPoints {
  readonly mounts: readonly MountPoint[];
  /** Volumes made for this container without a name. */
  readonly anonymous: readonly string[];
  /** Volumes that take what the image has at their place when they are still empty. */
  readonly populate: readonly { readonly name: string; readonly target: string }[];
}

/** A place in the container, and what is to be there: known already, or a volume that is to be made. */
type Wanted =
  | { readonly at: string; readonly point: MountPoint }
  | { readonly at: string; readonly volume: WantedVolume };

interface WantedVolume {
  readonly name?: string;
  readonly rw: boolean;
  readonly mode: string;
  readonly noCopy: boolean;
  readonly options?: MountSpec['VolumeOptions'];
}

export interface AskedMounts {
  readonly config: ContainerConfig;
  readonly host: HostConfig;
  /** By `--volumes-from`. */
  readonly inherited: readonly MountPoint[];
  /** Read-only binds leave what is mounted below them writable, unless they say otherwise. */
  readonly readOnlyTopOnly: boolean;
}

/** Makes the volumes once all that is asked for is known to be right. */
export async function collectMountPoints(asked: AskedMounts, volumes: Volumes): Promise<MountPoints> {
  const points: MountPoint[] = [];
  const anonymous: string[] = [];
  const populate: { name: string; target: string }[] = [];
  try {
    for (const wanted of wantedPoints(asked)) {
      if ('point' in wanted) {
        points.push(asked.readOnlyTopOnly ? topOnly(wanted.point, asked) : wanted.point);
        continue;
      }
      const point = await volumePoint(wanted.at, wanted.volume, volumes);
      points.push(point);
      if (wanted.volume.name === undefined) anonymous.push(point.Name);
      if (!wanted.volume.noCopy) populate.push({ name: point.Name, target: point.Destination });
    }
  } catch (error) {
    for (const name of anonymous) await volumes.remove(name, { inUse: new Set(), force: true });
    throw error;
  }
  return { mounts: points, anonymous, populate };
}

function topOnly(point: MountPoint, { inherited }: AskedMounts): MountPoint {
  const isOwn = point.Type === 'bind' && !point.RW && point.Recursion === undefined && !inherited.includes(point);
  return isOwn ? { ...point, Recursion: 'writable' } : point;
}

function wantedPoints({ config, host, inherited }: AskedMounts): Wanted[] {
  const points = new Map<string, Wanted>(inherited.map((point) => [point.Destination, known(point)]));
  const own = new Set<string>();
  const add = (wanted: Wanted) => {
    if (own.has(wanted.at)) throw duplicate(wanted.at);
    own.add(wanted.at);
    points.set(wanted.at, wanted);
  };
  const tmpfs = Object.entries(host.Tmpfs ?? {}).map(([path, options]) => [cleanPath(path), options] as const);
  for (const bind of (host.Binds ?? []).map(parseBind)) {
    if (tmpfs.some(([path]) => path === bind.target)) throw duplicate(bind.target);
    add(boundPoint(bind, host.VolumeDriver));
  }
  for (const mount of host.Mounts ?? []) add(mountedPoint(mount, cleanPath(mount.Target ?? '')));
  for (const [path, options] of tmpfs) points.set(path, known(tmpfsPoint(path, options, options)));
  for (const path of Object.keys(config.Volumes ?? {})) {
    // A relative path is one from the root.
    const at = cleanPath(`/${path}`);
    if (!points.has(at)) points.set(at, { at, volume: { rw: true, mode: '', noCopy: false } });
  }
  return [...points.values()];
}

const known = (point: MountPoint): Wanted => ({ at: point.Destination, point });

function duplicate(target: string): StrataError {
  return new StrataError('invalid_argument', `Duplicate mount point: ${target}`, { code: 'duplicate_mount' });
}

function boundPoint(bind: Bind, driver: string | undefined): Wanted {
  const { source, target: at, mode, writable: rw, propagation, noCopy } = bind;
  if (bind.type === 'bind') return known(bindPoint(source!, at, { mode, rw, propagation }));
  const options = driver ? { DriverConfig: { Name: driver } } : undefined;
  return {
    at,
    volume: {
      ...(source !== undefined && { name: source }),
      rw,
      mode: mode || 'z',
      noCopy,
      ...(options && { options }),
    },
  };
}

function mountedPoint(mount: MountSpec, at: string): Wanted {
  const { Source: source = '', VolumeOptions: options } = mount;
  const rw = !mount.ReadOnly;
  if (mount.Type === 'bind')
    return known({
      ...bindPoint(cleanPath(source), at, { mode: '', rw, propagation: mount.BindOptions?.Propagation ?? '' }),
      ...recursionOf(mount),
    });
  if (mount.Type === 'tmpfs') return known({ ...tmpfsPoint(at, tmpfsText(mount), ''), RW: rw });
  if (options?.Subpath) throw new StrataError('unsupported', 'subpaths of volumes are not supported');
  const noCopy = options?.NoCopy ?? false;
  return { at, volume: { ...(source && { name: source }), rw, mode: 'z', noCopy, ...(options && { options }) } };
}

function recursionOf({ BindOptions: options }: MountSpec): Pick<MountPoint, 'Recursion'> {
  if (options?.NonRecursive) return { Recursion: 'none' };
  return options?.ReadOnlyNonRecursive ? { Recursion: 'writable' } : {};
}

function bindPoint(
  source: string,
  target: string,
  { mode, rw, propagation }: { readonly mode: string; readonly rw: boolean; readonly propagation: string },
): MountPoint {
  return {
    Type: 'bind',
    Source: source,
    Destination: target,
    Mode: mode,
    RW: rw,
    Propagation: propagation || 'rprivate',
  };
}

function tmpfsPoint(target: string, options: string, mode: string): MountPoint {
  return { Type: 'tmpfs', Source: options, Destination: target, Mode: mode, RW: true, Propagation: '' };
}

async function volumePoint(at: string, wanted: WantedVolume, volumes: Volumes): Promise<MountPoint & { Name: string }> {
  const { name, options = {} } = wanted;
  const volume = await volumes.create({
    ...(name === undefined ? { anonymous: true } : { name }),
    ...(options.DriverConfig?.Name && { driver: options.DriverConfig.Name }),
    ...(options.DriverConfig?.Options && { options: options.DriverConfig.Options }),
    ...(options.Labels && { labels: options.Labels }),
  });
  return {
    Type: 'volume',
    Name: volume.name,
    Source: volume.mountpoint,
    Destination: at,
    Driver: 'local',
    Mode: wanted.mode,
    RW: wanted.rw,
    Propagation: '',
  };
}

/** Whether the kernel can make what is mounted below a mount read-only, too: mount_setattr(2), since 5.12. */
const allReadOnly = atLeast(release(), 5, 12);

function atLeast(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split('.').map((text) => Number.parseInt(text, 10));
  return first > major || (first === major && second >= minor);
}

/** Below a file there is nothing; crun takes no `rro` for one. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The points in the runtime spec's words, parents before children. */
export function specMounts(points: readonly MountPoint[]): readonly SpecMount[] {
  return points
    .toSorted((a, b) => a.Destination.split('/').length - b.Destination.split('/').length)
    .map((point): SpecMount => {
      if (point.Type === 'tmpfs')
        return {
          destination: point.Destination,
          type: 'tmpfs',
          source: 'tmpfs',
          options: tmpfsMountOptions(point.Source),
        };
      return { destination: point.Destination, type: 'bind', source: point.Source, options: bindOptions(point) };
    });
}

function bindOptions({
  RW: writable,
  Propagation: asked,
  Recursion: recursion,
  Source,
}: MountPoint): readonly string[] {
  const propagation = asked || 'rprivate';
  const isAll = !writable && recursion === undefined && allReadOnly && isFolder(Source);
  const mode = writable ? ['rw'] : ['ro', ...(isAll ? ['rro'] : [])];
  // With `rprivate` crun binds all that is below, too.
  return recursion === 'none' ? ['bind', ...mode, propagation.replace(/^r/, '')] : ['rbind', ...mode, propagation];
}
