import type { ActiveKey } from '../../snapshot/index.ts';

/** The `cause` of the error of a RUN that failed: what is needed to open a shell where it stood. */
export class FailedStep extends Error {
  /** The root as the step left it, when the build asked to keep it; whoever takes it discards it. */
  readonly active: ActiveKey | null;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly exitCode: number;
  /** Its last lines, at most 50. */
  readonly output: readonly string[];

  constructor(step: {
    readonly active: ActiveKey | null;
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string;
    readonly user: string;
    readonly exitCode: number;
    readonly output: readonly string[];
  }) {
    super(`exit code: ${step.exitCode}`);
    this.name = 'FailedStep';
    this.active = step.active;
    this.args = step.args;
    this.env = step.env;
    this.cwd = step.cwd;
    this.user = step.user;
    this.exitCode = step.exitCode;
    this.output = step.output;
  }
}
