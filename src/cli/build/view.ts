import { StrataError } from '../../errors/index.ts';
import { createClassicRenderer } from '../../progress/classic.ts';
import type { BuildEvent } from '../../progress/index.ts';
import { createPlainRenderer } from '../../progress/plain.ts';
import type { Session } from '../session.ts';

/** Where the events of a build go. */
export interface BuildView {
  push(event: BuildEvent): void;
  /** The build is over, in whatever way. */
  end(): void;
}

export const viewNames = ['auto', 'tty', 'plain', 'classic', 'rawjson', 'quiet'] as const;

/** Most draws of the terminal view in a second. */
const framesPerSecond = 10;

export async function createView(name: string, session: Session): Promise<BuildView> {
  const wanted = name === 'auto' ? (session.stderr.isTTY ? 'tty' : 'plain') : name;
  switch (wanted) {
    case 'tty':
      return await ttyView(session);
    case 'plain': {
      const renderer = createPlainRenderer();
      const write = (text: string) => text !== '' && session.stderr.write(text);
      return { push: (event) => void write(renderer.push(event)), end: () => void write(renderer.end()) };
    }
    case 'classic': {
      const renderer = createClassicRenderer({ color: session.stdout.isTTY && !session.env['NO_COLOR'] });
      const write = (pieces: readonly string[]) => pieces.length > 0 && session.stdout.write(pieces.join(''));
      return { push: (event) => void write(renderer.push(event)), end: () => void write(renderer.end()) };
    }
    case 'rawjson':
      return { push: (event) => session.stderr.write(`${JSON.stringify(event)}\n`), end: () => {} };
    case 'quiet':
      return { push: () => {}, end: () => {} };
    default:
      throw new StrataError('invalid_argument', `invalid progress mode ${JSON.stringify(name)}`, {
        hint: `one of: ${viewNames.join(', ')}`,
      });
  }
}

async function ttyView(session: Session): Promise<BuildView> {
  const { createTtyRenderer } = await import('../../progress/tty.ts');
  const { stderr } = session;
  const renderer = createTtyRenderer({
    columns: () => stderr.columns ?? 80,
    rows: () => stderr.rows ?? 24,
    color: !session.env['NO_COLOR'],
    now: () => Date.now(),
  });
  stderr.write('\x1b[?25l');
  const timer = setInterval(() => stderr.write(renderer.draw()), 1000 / framesPerSecond);
  return {
    push: (event) => void renderer.push(event),
    end() {
      clearInterval(timer);
      stderr.write(`${renderer.end()}\x1b[?25h`);
    },
  };
}
