import { isDaemonAnswer } from '../client/index.ts';
import { formatError, StrataError, toStrataError } from '../errors/index.ts';
import type { Session } from './session.ts';
import { UsageError } from './usage-error.ts';

/** Prints what went wrong and gives the exit code for it: the one place where errors become exit codes. */
export function reportError(
  error: unknown,
  session: Session,
  command?: { readonly name: string; readonly synopsis: string },
): number {
  if (error instanceof UsageError) {
    session.stderr.write(usageText(error, command));
    return error.exitCode;
  }
  const known = toStrataError(error);
  if (known.message !== '') session.stderr.write(`${errorText(known)}\n`);
  if (session.debug && error instanceof Error) session.stderr.write(`${error.stack}\n`);
  return known.exitCode ?? (known.kind === 'cancelled' ? 130 : 1);
}

/** An error as a command tells it; what the engine said is marked as such. */
export function errorText(error: unknown): string {
  const known = toStrataError(error);
  const text = formatError(known);
  if (isDaemonAnswer(known)) return `Error response from daemon: ${text}`;
  return error instanceof StrataError ? text : `strata: ${text}`;
}

function usageText(
  error: UsageError,
  command: { readonly name: string; readonly synopsis: string } | undefined,
): string {
  const message = error.named ? `strata: ${error.message}` : error.message;
  if (!command) return `${message}\n\nRun 'strata --help' for more information\n`;
  return `${message}\n\n${command.synopsis}\n\nRun '${command.name} --help' for more information\n`;
}
