import { type StrataError, toStrataError } from '../errors/index.ts';
import { errorText } from './report-error.ts';
import type { Session } from './session.ts';

/**
 * Does one thing to each name in turn; a failure is told and does not stop the others. Gives the exit code; a failure
 * that is forgiven does not count in it.
 */
export async function forEachName(
  names: readonly string[],
  session: Session,
  work: (name: string) => Promise<void>,
  forgives: (error: StrataError) => boolean = () => false,
): Promise<number> {
  let failed = false;
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      const known = toStrataError(error);
      if (known.code === 'no_daemon') throw error;
      if (!forgives(known)) failed = true;
      session.stderr.write(`${errorText(error)}\n`);
    }
  }
  return failed ? 1 : 0;
}
