import type { Session } from './session.ts';

/** Asks, and says whether the answer was yes. An input that has ended means no. */
export async function confirm(session: Session, question: string): Promise<boolean> {
  session.stdout.write(`${question} [y/N] `);
  const answer = await readLine(session.stdin);
  return ['y', 'Y'].includes(answer.trim()) || answer.trim().toLowerCase() === 'yes';
}

/** One line of an input, without its end. */
export function readLine(stdin: Session['stdin']): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const done = (line: string) => {
      stdin.off('data', onData);
      stdin.pause();
      resolve(line);
    };
    const onData = (chunk: Buffer | string) => {
      text += String(chunk);
      const end = text.indexOf('\n');
      if (end !== -1) done(text.slice(0, end));
    };
    stdin.on('data', onData);
    stdin.once('end', () => done(text));
    stdin.once('error', reject);
  });
}
