import { isDaemonAnswer } from '../../client/index.ts';
import { StrataError } from '../../errors/index.ts';
import { errorText } from '../report-error.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';

/**
 * Tells why a container could not be created or started, and gives the exit code: 127 for a command that is not there,
 * 126 for one that cannot be run, 125 else. What the container itself ends with is never this.
 */
export function runFailure(error: unknown, name: string, session: Session): number {
  // Said before anything was asked of the engine, these are told as they are.
  if (error instanceof UsageError || (error instanceof StrataError && error.code === 'bad_streams')) throw error;
  session.stderr.write(
    `strata: ${errorText(error).replace(/^strata: /, '')}\n\nRun '${name} --help' for more information\n`,
  );
  if (error instanceof StrataError && error.kind === 'cancelled') return 130;
  return isDaemonAnswer(error) ? startFailureCode(error) : 125;
}

export function startFailureCode(error: unknown): number {
  const message = error instanceof Error ? error.message : '';
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(message))
    return 127;
  return /permission denied|exec format error|is a directory/.test(message) ? 126 : 125;
}
