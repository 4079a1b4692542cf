import type { ResolvedUser } from '../account/index.ts';
import type { ResourceLimits } from './limits.ts';

export interface StepMount {
  readonly target: string;
  readonly readonly: boolean;
  readonly source:
    | { readonly kind: 'bind'; readonly path: string }
    | { readonly kind: 'tmpfs'; readonly size?: number };
}

export interface Step {
  /** Mounted root of the step; what it writes there is the layer. */
  readonly root: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ResolvedUser;
  readonly mounts: readonly StepMount[];
  readonly network: 'bridge' | 'none' | 'host';
  readonly insecure: boolean;
  readonly hostname?: string;
  readonly extraHosts?: readonly { readonly host: string; readonly ip: string }[];
  /** Bytes of /dev/shm; default 64 MiB. */
  readonly shmSize?: number;
  readonly ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly cgroupParent?: string;
  readonly limits?: StepLimits;
}

export interface StepExecutor {
  /** Throws for limits that cannot be; answers with what the user is to know of those that this host does not have. */
  checkLimits(limits: StepLimits): readonly string[];
  /** Ends the steps that a daemon left running when it was killed. */
  endOld(): Promise<void>;
  /**
   * Runs one step to its end and resolves with its exit code. /etc/hosts, /etc/resolv.conf and mount stubs that the
   * step needed are gone from the root afterwards. An abort kills every process of the step, then rejects.
   */
  run(
    step: Step,
    io: {
      readonly stdout: (chunk: Uint8Array) => void;
      readonly stderr: (chunk: Uint8Array) => void;
      readonly signal: AbortSignal;
    },
  ): Promise<{ readonly exitCode: number; readonly containerID: string; readonly oomKilled?: boolean }>;
}

export type StepLimits = Pick<
  ResourceLimits,
  'Memory' | 'MemorySwap' | 'CpuShares' | 'CpuPeriod' | 'CpuQuota' | 'CpusetCpus' | 'CpusetMems'
>;
