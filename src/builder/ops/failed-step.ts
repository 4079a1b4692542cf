import type { Step, StepMount } from '../../runtime/index.ts';
import type { SnapshotName } from '../../snapshot/index.ts';

/** What a step that failed stood in, kept so that a shell can be opened there. Whoever gets it releases it. */
export interface KeptRoot {
  /** The root as the step left it. */
  readonly snapshot: SnapshotName;
  readonly mounts: readonly StepMount[];
  /** A file of this machine (in memory) that sets the variables which nothing may store, for a shell to read. */
  readonly secretEnv: string | undefined;
  readonly network: Step['network'];
  readonly insecure: boolean;
  readonly extraHosts: NonNullable<Step['extraHosts']>;
  readonly shmSize: number | undefined;
  readonly ulimits: NonNullable<Step['ulimits']>;
  readonly limits?: Step['limits'];
  /** Unmounts and removes all of it. */
  release(): Promise<void>;
}

/** The `cause` of the error of a RUN that failed. */
export class FailedStep extends Error {
  /** Present when the build asked to keep it. */
  readonly kept: KeptRoot | undefined;
  readonly args: readonly string[];
  /** Without what nothing may store. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** `user[:group]`; empty for root. */
  readonly user: string;
  readonly exitCode: number;
  /** Its last lines, at most 50. */
  readonly output: readonly string[];

  constructor(step: {
    readonly kept: KeptRoot | undefined;
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string;
    readonly user: string;
    readonly exitCode: number;
    readonly output: readonly string[];
  }) {
    super(`exit code: ${step.exitCode}`);
    this.name = 'FailedStep';
    this.kept = step.kept;
    this.args = step.args;
    this.env = step.env;
    this.cwd = step.cwd;
    this.user = step.user;
    this.exitCode = step.exitCode;
    this.output = step.output;
  }
}
