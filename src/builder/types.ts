/**
 * Building: a request becomes a graph (frontend), the graph becomes results (solver, cache, operations), results become
 * images, archives or folders (exporters).
 */

import type { Descriptor, Digest } from '../oci/index.ts';
import type { BuildEvent, Progress } from '../progress/index.ts';
import type { Credentials } from '../registry/index.ts';
import type { StepLimits } from '../runtime/index.ts';
import type { KeptFolders } from './cache/kept-folders.ts';

/** `subdir`: the folder of it that is the context; the Dockerfile is read from the whole. */
export type ContextSource =
  | { readonly kind: 'local'; readonly dir: string /** For messages; default: the folder. */; readonly label?: string }
  /** A tar (plain, gzip, bzip2, xz, zstd), or a Dockerfile alone, in a file of this machine. `remove`: delete it afterwards. */
  | { readonly kind: 'file'; readonly path: string; readonly remove?: boolean; readonly subdir?: string }
  /** http(s) URL of a tar or a Dockerfile, or a git URL with `#ref:subdir`. */
  | { readonly kind: 'url'; readonly url: string; readonly subdir?: string }
  | { readonly kind: 'empty' };

export type NamedContext =
  | ContextSource
  | { readonly kind: 'image'; readonly name: string }
  | { readonly kind: 'oci-layout'; readonly dir: string; readonly reference?: string }
  /** What another build made that was asked to keep its result: {@link BuildResult.kept}. */
  | { readonly kind: 'result'; readonly id: string }
  /** Another target of this Dockerfile (`target:name`). */
  | { readonly kind: 'target'; readonly name: string };

export interface OutputSpec {
  readonly type: 'image' | 'local' | 'tar' | 'oci' | 'docker' | 'registry' | 'cacheonly';
  /** Destination path on this machine for local, tar, oci, docker. */
  readonly dest?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface SourcePolicy {
  readonly rules: readonly SourceRule[];
}

/** Identifiers are `docker-image://docker.io/library/a:latest`, `https://…`, `git://host/path#ref`, `local://context`. */
export interface SourceRule {
  readonly action: 'ALLOW' | 'DENY' | 'CONVERT';
  readonly selector: {
    readonly identifier: string;
    readonly matchType: 'WILDCARD' | 'EXACT' | 'REGEX';
    readonly constraints?: readonly unknown[];
  };
  readonly updates?: { readonly identifier?: string; readonly attrs?: Readonly<Record<string, string>> };
}

/** Plain JSON: it travels as the body of `POST /strata/v1/build`. */
export interface BuildRequest {
  readonly context: ContextSource;
  /** Path relative to the context, absolute on this machine, or inline text. Default: `Dockerfile` of the context. */
  readonly dockerfile?: { readonly path: string } | { readonly text: string; readonly name?: string };
  readonly namedContexts?: Readonly<Record<string, NamedContext>>;
  /** `name[:tag]`, as typed. */
  readonly tags?: readonly string[];
  /** null: declared without a value and unset in the client's environment. */
  readonly buildArgs?: Readonly<Record<string, string | null>>;
  readonly target?: string;
  readonly noCache?: boolean;
  /** Stages that are not taken from the cache. */
  readonly noCacheFilter?: readonly string[];
  readonly pull?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly network?: string;
  readonly platforms?: readonly string[];
  /** Values in base64. Never logged, stored or part of a key. */
  readonly secrets?: readonly { readonly id: string; readonly value: string }[];
  readonly ssh?: readonly { readonly id: string; readonly socket?: string; readonly keyFiles?: readonly string[] }[];
  readonly extraHosts?: readonly string[];
  readonly shmSize?: number;
  readonly ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly cgroupParent?: string;
  /** Of each RUN. They decide how a step runs, not what it makes: no part of its key. */
  readonly limits?: StepLimits;
  readonly outputs?: readonly OutputSpec[];
  readonly cacheFrom?: readonly Readonly<Record<string, string>>[];
  readonly cacheTo?: readonly Readonly<Record<string, string>>[];
  /** `network.host`, `security.insecure`. */
  readonly allow?: readonly string[];
  /** Attestations that are asked for by name: `sbom`, `provenance`, with their attributes. */
  readonly attests?: Readonly<Record<string, string>>;
  /** What else the client asked for and the builder has no words for: sentences to warn with. */
  readonly ignored?: readonly string[];
  /** Which sources the build may have, and what takes their place; each policy on its own. */
  readonly sourcePolicies?: readonly SourcePolicy[];
  readonly call?: 'build' | 'check' | 'outline' | 'targets';
  /** How the user names the Dockerfile; the answer of `call: 'check'` shows it. Default: as the context names it. */
  readonly shownName?: string;
  readonly explain?: boolean;
  /**
   * Makes an image for every instruction, each the parent of the next, as the classic builder does: `completed` events of
   * instructions carry its id, and say `cached` of one that changes no file where that image was there already.
   */
  readonly stepImages?: boolean;
  /** Keep the failed step's root and mounts so that a shell can be opened in it: the error's `cause` is a FailedStep. */
  readonly keepFailed?: boolean;
  /** Credentials by registry host for pulls in this build (the classic API's X-Registry-Config). */
  readonly auth?: Readonly<
    Record<string, { readonly username?: string; readonly password?: string; readonly identitytoken?: string }>
  >;
}

export interface BuildResult {
  /** Present when an image was made. */
  readonly imageID?: Digest;
  /** Digest of the manifest or index, where one was made. */
  readonly digest?: Digest;
  readonly names?: readonly string[];
  /** For `--metadata-file`. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Text and JSON answer of a `call` other than build. */
  readonly report?: {
    readonly text: string;
    readonly json: unknown;
    readonly failed: boolean;
    /** What would fail the build, beside either. */
    readonly error?: string;
  };
  /** Names the result for a named context of kind `result`, with `keepResult`. */
  readonly kept?: string;
}

export interface CacheRecord {
  readonly id: string;
  readonly parents: readonly string[];
  readonly type: 'source.local' | 'exec.cachemount' | 'source.git.checkout' | 'regular' | 'internal' | 'frontend';
  readonly description: string;
  readonly inUse: boolean;
  readonly shared: boolean;
  /** Bytes. */
  readonly size: number;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  readonly usageCount: number;
}

/** Blobs of an OCI image layout that lies with a client, who serves them while its build runs. */
export interface ClientBlobs {
  /** The bytes, not verified; `not_found` for a blob that is not there. */
  read(digest: Digest): AsyncIterable<Uint8Array>;
  /** Stores a blob, unless it is there. */
  write(blob: Pick<Descriptor, 'digest' | 'size'>, source: AsyncIterable<Uint8Array>): Promise<void>;
}

export interface BuildOptions {
  readonly progress: Progress<BuildEvent>;
  readonly signal: AbortSignal;
  /** Until this ends, other builds can have what this one makes as a named context. */
  readonly keepResult?: AbortSignal;
  /** What the client would log in to a registry with; asked where the request's `auth` has nothing for it. */
  readonly credentialsOf?: (domain: string) => Promise<Credentials | undefined>;
  /** A secret of the client's; asked where the request's `secrets` have none of this id. */
  readonly secretOf?: (id: string) => Promise<Uint8Array | undefined>;
  /** The folder of a layout (of `cacheFrom`, `cacheTo`, a named context, an output) that is no folder of this machine. */
  readonly blobsOf?: (folder: string) => ClientBlobs | undefined;
  /**
   * Makes the folder of a `local` context hold what the client has below `paths` (which may hold wildcards), or all of it.
   * Asked before any file of the folder is read, and not at all where none is.
   */
  readonly bring?: (
    folder: string,
    paths: readonly string[] | undefined,
    progress: (bytes: number, done: boolean) => void,
  ) => Promise<void>;
}

export interface Builder {
  /** Rejects with a StrataError; `location` is set where a line of the Dockerfile is to blame. */
  build(request: BuildRequest, options: BuildOptions): Promise<BuildResult>;
  /** What clients have sent of their folders, for the next build of the same; it counts as cache. */
  readonly sent: Pick<KeptFolders, 'take'>;
  cache: {
    list(): Promise<readonly CacheRecord[]>;
    prune(options: {
      /** Also what images share. */
      readonly all: boolean;
      /** Bytes that the cache may always take, may never exceed, and that the disk is to have free. */
      readonly reservedSpace?: number;
      readonly maxUsedSpace?: number;
      readonly minFreeSpace?: number;
      /** Seconds. */
      readonly unusedFor?: number;
      readonly filters?: Readonly<Record<string, readonly string[]>>;
    }): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }>;
  };
}
