/** The `created_by` texts of an image's history, as the reference writes them. */

import { formatDuration } from './go-numbers.ts';
import { quote, quoteRune } from './go-text.ts';
import { runCommand, withShell } from './run-script.ts';
import type { HealthcheckSettings, Instruction } from './types.ts';

/** The comment of every history entry that a build makes. */
export const historyComment = 'buildkit.dockerfile.v0';

export interface HistoryContext {
  /** The stage's SHELL; default `/bin/sh -c`. */
  readonly shell?: readonly string[];
  /** The stage's build arguments in the order of their ARGs with their present values, for RUN. */
  readonly buildArgs?: readonly (readonly [name: string, value: string])[];
  /** The resulting directory, for WORKDIR. */
  readonly workdir?: string;
}

/**
 * The history text of an expanded instruction.
 *
 * @returns undefined for FROM and ONBUILD, which leave no entry
 */
export function createdBy(instruction: Instruction, context: HistoryContext = {}): string | undefined {
  switch (instruction.kind) {
    case 'from':
    case 'onbuild':
      return undefined;
    case 'run':
      return runCreatedBy(runArguments(instruction, context.shell), context.buildArgs);
    case 'copy':
    case 'add':
      return copyCreatedBy(instruction);
    case 'cmd':
    case 'entrypoint':
      return `${instruction.kind.toUpperCase()} ${quoteList(commandArguments(instruction, context.shell))}`;
    case 'env':
    case 'label': {
      const pairs = instruction.pairs.map(({ key, value }) => ` ${key}=${value}`);
      return instruction.kind.toUpperCase() + pairs.join('');
    }
    case 'arg': {
      const args = instruction.args.map(({ key, value }) => (value === undefined ? key : `${key}=${value}`));
      return `ARG ${args.join(' ')}`;
    }
    case 'expose':
      return `EXPOSE [${instruction.ports.join(' ')}]`;
    case 'volume':
      return `VOLUME [${instruction.volumes.join(' ')}]`;
    case 'shell':
      return `SHELL [${instruction.shell.join(' ')}]`;
    case 'workdir':
      return `WORKDIR ${context.workdir ?? instruction.path}`;
    case 'user':
      return `USER ${instruction.user}`;
    case 'stopsignal':
      return `STOPSIGNAL ${instruction.signal}`;
    case 'maintainer':
      return `MAINTAINER ${instruction.maintainer}`;
    case 'healthcheck':
      return `HEALTHCHECK ${healthcheckText(instruction.health)}`;
  }
}

/** The argument vector that a RUN executes. */
export function runArguments(
  instruction: Extract<Instruction, { kind: 'run' }>,
  shell?: readonly string[],
): readonly string[] {
  const command = runCommand(instruction);
  return command.shell ? withShell(command.args, shell) : command.args;
}

/** The argument vector that CMD and ENTRYPOINT put into the image configuration. */
export function commandArguments(
  instruction: Extract<Instruction, { kind: 'cmd' | 'entrypoint' }>,
  shell?: readonly string[],
): readonly string[] {
  return instruction.shell ? withShell(instruction.args, shell) : instruction.args;
}

/** `RUN |2 A=1 B=2 /bin/sh -c ... # buildkit`; later definitions of an argument take the place of the first. */
export function runCreatedBy(args: readonly string[], buildArgs: HistoryContext['buildArgs'] = []): string {
  const values = new Map(buildArgs);
  const pairs = [...values].map(([name, value]) => `${name}=${value}`);
  const prefix = pairs.length > 0 ? [`|${pairs.length}`, ...pairs] : [];
  return `RUN ${[...prefix, ...args].join(' ')} # buildkit`;
}

function copyCreatedBy(instruction: Extract<Instruction, { kind: 'copy' | 'add' }>): string {
  const words = [
    instruction.kind.toUpperCase(),
    ...(instruction.kind === 'copy' && instruction.parents ? ['--parents'] : []),
    ...(instruction.chown ? [`--chown=${instruction.chown}`] : []),
    ...(instruction.chmod ? [`--chmod=${instruction.chmod}`] : []),
    ...instruction.sources,
    ...instruction.files.map((file) => `<<${file.name}`),
    instruction.dest,
  ];
  return `${words.join(' ')} # buildkit`;
}

function healthcheckText(health: HealthcheckSettings): string {
  const times = [health.interval, health.timeout, health.startPeriod, health.startInterval];
  const fields = times.map((time) => quote(formatDuration(time))).join(' ');
  return `&{${quoteList(health.test)} ${fields} ${quoteRune(health.retries)}}`;
}

function quoteList(items: readonly string[]): string {
  return `[${items.map(quote).join(' ')}]`;
}
