import type { FailedStepSummary } from '../../client/index.ts';
import type { Session } from '../session.ts';

/** Opens a shell in the root that a failed step left, with its environment, user and folder. */
export async function shellInFailedStep(step: FailedStepSummary, session: Session): Promise<void> {
  if (step.image === undefined) {
    session.stderr.write('the failed step was not kept: no shell can be opened in it\n');
    return;
  }
  session.stderr.write('\nA shell in the step as it was when it failed; `exit` ends it.\n');
  const { main } = await import('../main.ts');
  const words = [
    'run',
    '--rm',
    '-i',
    ...(session.stdin.isTTY ? ['-t'] : []),
    '--entrypoint',
    '/bin/sh',
    ...(step.env ?? []).flatMap((entry) => ['-e', entry]),
    ...(step.user ? ['-u', step.user] : []),
    ...(step.cwd ? ['-w', step.cwd] : []),
    step.image,
  ];
  await main(words, session);
  await main(['image', 'rm', '-f', step.image], { ...session, stdout: { ...session.stdout, write: () => {} } });
}
