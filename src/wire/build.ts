import type { Digest } from '../oci/index.ts';

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
  readonly limits?: BuildLimits;
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

/** What each RUN of a build may take, in the words of the Engine API. */
export interface BuildLimits {
  readonly Memory?: number;
  readonly MemorySwap?: number;
  readonly CpuShares?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpusetCpus?: string;
  readonly CpusetMems?: string;
}
