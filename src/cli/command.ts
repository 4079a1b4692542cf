import type { Client } from '../client/index.ts';
import type { Flags, FlagValues } from './flags/flag.ts';
import type { Session } from './session.ts';

/** One verb: what it is called with, and what it does. */
export interface Command<F extends Flags = Flags> {
  /** What follows the command's name: `[OPTIONS] IMAGE [IMAGE...]`. Several for several ways to call it. */
  readonly synopsis: string | readonly string[];
  /** More than the summary in the tree says. */
  readonly details?: string;
  /** Whole command lines without the program's name, each with a word about it. */
  readonly examples?: readonly (readonly [string, string])[];
  /** How many arguments; `max` absent for any number. */
  readonly args: { readonly min: number; readonly max?: number };
  /** Options may follow arguments. Default true. */
  readonly interspersed?: boolean;
  /** The command reads its words itself, options and all. Default false. */
  readonly passthrough?: boolean;
  readonly flags: F;
  /**
   * Of a command that the daemon may run (`resident` in the tree): whether it may be one with these words. Default: yes.
   * Not with files that the command opens by itself: a pipe or a file server that is gone would hold up the daemon, and
   * `/dev/stdin` is another one there.
   */
  readonly isResident?: (call: Pick<Call<F>, 'flags' | 'args' | 'session'>) => boolean | Promise<boolean>;
  /** Resolves with the exit code. */
  run(call: Call<F>): Promise<number>;
}

export interface Call<F extends Flags = Flags> {
  readonly flags: FlagValues<F>;
  /** Long names of the options that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  /** As it was called: `strata image ls`. */
  readonly name: string;
  readonly session: Session;
  /** The engine; starts its daemon where that may be done and none answers. */
  client(): Promise<Client>;
}

/** Gives the options of a command their types. */
export function defineCommand<const F extends Flags>(command: Command<F>): Command {
  return command as unknown as Command;
}
