import type { Step } from '../../runtime/index.ts';
import type { BuildOptions } from '../types.ts';

export interface SecretOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

export type ExecMount =
  | {
      readonly type: 'bind';
      /** Position among the op's inputs. */
      readonly input: number;
      /** Absolute inside that root. */
      readonly source: string;
      readonly target: string;
      readonly readonly: boolean;
    }
  | {
      readonly type: 'cache';
      readonly id: string;
      readonly sharing: 'shared' | 'private' | 'locked';
      readonly target: string;
      readonly readonly: boolean;
      /** Absolute inside the cache folder. */
      readonly source: string;
      /** The root that a new folder is filled from. */
      readonly input?: number;
      readonly owner?: { readonly uid: number; readonly gid: number };
      readonly mode?: number;
    }
  | { readonly type: 'tmpfs'; readonly target: string; readonly size?: number }
  | {
      readonly type: 'secret';
      readonly id: string;
      readonly target?: string;
      readonly env?: string;
      readonly required: boolean;
      readonly owner: SecretOwner;
    }
  | {
      readonly type: 'ssh';
      readonly id: string;
      readonly target: string;
      readonly required: boolean;
      readonly owner: SecretOwner;
    }
  /** A script of this build, in a read-only folder of its own. */
  | { readonly type: 'script'; readonly target: string; readonly name: string; readonly data: string };

/** Everything that decides what a RUN does, besides its inputs. */
export interface ExecSpec {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** `user[:group]`; empty for root. */
  readonly user: string;
  readonly mounts: readonly ExecMount[];
  readonly network: Step['network'];
  readonly insecure: boolean;
  readonly hostname?: string;
  readonly extraHosts: readonly { readonly host: string; readonly ip: string }[];
  readonly shmSize?: number;
  readonly ulimits?: Step['ulimits'];
  readonly cgroupParent?: string;
}

/** What a RUN is given and what must decide nothing: never part of a key, a record or a log. */
export interface ExecSecrets {
  /** Proxy variables. */
  readonly proxy: readonly string[];
  readonly secrets: ReadonlyMap<string, Buffer>;
  /** Asked for what is not among them. */
  readonly secretOf: NonNullable<BuildOptions['secretOf']>;
  readonly ssh: ReadonlyMap<string, string>;
}
