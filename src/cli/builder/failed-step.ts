import type { Client, FailedStepSummary } from '../../client/index.ts';
import { messageOf } from '../../errors/index.ts';
import { startAttached } from '../commands/container/start.ts';
import type { Session } from '../session.ts';

/** Whether a shell in a failed step gets a terminal. */
export function hasTerminal({ stdin, stdout }: Session): boolean {
  return Boolean(stdin.isTTY && stdout.isTTY);
}

/** Opens a shell where a step failed, with its files, mounts, environment, user and folder. */
export async function shellInFailedStep(step: FailedStepSummary, engine: Client, session: Session): Promise<void> {
  if (step.container === undefined) {
    session.stderr.write(`no shell can be opened in the failed step: ${step.problem ?? 'it was not kept'}\n`);
    return;
  }
  session.stderr.write('\nA shell in the step as it was when it failed; `exit` ends it.\n');
  try {
    await startAttached(engine, session, step.container, { stdin: true, detachKeys: '', proxy: true });
  } catch (error) {
    session.stderr.write(`no shell can be opened in the failed step: ${messageOf(error)}\n`);
  }
}
