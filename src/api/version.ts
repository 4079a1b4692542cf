import { StrataError } from '../errors/index.ts';

export const apiVersion = '1.51';
export const minApiVersion = '1.24';

/** Negative, 0 or positive as `a` is before, equal to or after `b`; versions are `major.minor`. */
export function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}

export interface VersionedUrl {
  /** Path and query without the version. */
  readonly url: string;
  /** The version that the client asked for; the newest where the URL has none. */
  readonly version: string;
}

/** Splits `/v1.44/info` into version and path. What merely looks like a version stays a path, and is not found. */
export function splitVersion(url: string): VersionedUrl {
  const match = /^\/v(\d{1,4}\.\d{1,4})(\/.*)$/.exec(url);
  return match ? { version: match[1]!, url: match[2]! } : { version: apiVersion, url };
}

export function assertSupported(version: string): void {
  if (compareVersions(version, minApiVersion) < 0) {
    throw new StrataError(
      'invalid_argument',
      `client version ${version} is too old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
      { code: 'client_too_old' },
    );
  }
  if (compareVersions(version, apiVersion) > 0) {
    throw new StrataError(
      'invalid_argument',
      `client version ${version} is too new. Maximum supported API version is ${apiVersion}`,
      { code: 'client_too_new' },
    );
  }
}

/** Fields that an answer has only before a version: the Engine API's version history as data. */
const retired = {
  /** Equal to `Size` since layers are no longer shared between graph drivers. */
  VirtualSize: '1.44',
  /** What the container of a build step was made of; empty for long, and still looked into by docker-compose 1. */
  ContainerConfig: '1.45',
  /** A prune takes named volumes without being asked to. */
  pruneOfNamedVolumes: '1.42',
  /** `<none>:<none>` in place of empty name lists. */
  noneNames: '1.43',
} as const;

export function before(version: string, gate: keyof typeof retired): boolean {
  return compareVersions(version, retired[gate]) < 0;
}
