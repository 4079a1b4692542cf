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

/** The first version that answers, or acts, in the new way. */
export const changes = {
  /** The options of security are pairs of names and values. */
  namedSecurityOptions: '1.25',
  /** A list of networks leaves out the containers of each. */
  networksWithoutContainers: '1.28',
  /** A WebSocket carries bytes; before, text. */
  binaryFrames: '1.28',
  /** The head of the answer to a wait comes at once. */
  earlyHead: '1.30',
  /** A container has an IPC namespace that no other may join, unless it is said. */
  privateIpc: '1.40',
  /** The streams to attach to by WebSocket are chosen by parameters. */
  chosenStreams: '1.42',
  /** Streams of frames say so. */
  multiplexedType: '1.42',
  /** Options of another kind of mount are refused. */
  foreignMountOptions: '1.42',
  /** A prune takes named volumes only if asked to. */
  pruneOfAnonymousVolumes: '1.42',
  /** The records of the build cache name all their parents. */
  severalParents: '1.42',
  kernelMemoryInfo: '1.42',
  /** Empty lists in place of `<none>:<none>`. */
  emptyNames: '1.43',
  /** `VirtualSize` is equal to `Size` since layers are no longer shared between graph drivers. */
  noVirtualSize: '1.44',
  /** A container is made with several networks, and a MAC address for each. */
  severalEndpoints: '1.44',
  /** What is mounted below a read-only mount is read-only, too. */
  recursiveReadOnly: '1.44',
  /** What the container of a build step was made of; empty for long, and still looked into by docker-compose 1. */
  noContainerConfig: '1.45',
  /** The aliases of a container are those that were asked for, without its id and its host name. */
  plainAliases: '1.45',
  subpaths: '1.45',
  listedAnnotations: '1.46',
  imageCreateEvents: '1.46',
  noArtifactRegistries: '1.47',
  /** The commits of the runtimes are told without those that were expected. */
  noExpectedCommits: '1.49',
  /** The configuration of an image is without fields of containers. */
  plainImageConfig: '1.50',
  noBridgeFilters: '1.50',
  /** A list of images says how many containers stand on each. */
  countedContainers: '1.51',
} as const;

export type Change = keyof typeof changes;

/** Whether a request of this version is from before a change. */
export function before(version: string, change: Change): boolean {
  return compareVersions(version, changes[change]) < 0;
}
