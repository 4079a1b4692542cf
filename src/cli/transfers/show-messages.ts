import { StrataError } from '../../errors/index.ts';
import type { ProgressMessage } from '../../wire/index.ts';
import type { Output } from '../session.ts';
import { progressText } from './progress-text.ts';

const clearLine = '\x1b[2K';

export interface ShowOptions {
  readonly output: Output;
  /** Receives what a program reads out of the answer, such as a digest. */
  readonly onAux?: (aux: Readonly<Record<string, unknown>>) => void;
}

/**
 * Shows the messages of a transfer. On a terminal every layer has a line that changes in place; elsewhere only what
 * is said once is printed. An error in the messages is thrown.
 */
export async function showMessages(messages: AsyncIterable<ProgressMessage>, options: ShowOptions): Promise<void> {
  const { output, onAux } = options;
  const lines = new Map<string, number>();
  for await (const message of messages) {
    if (message.errorDetail || message.error) throw messageError(message);
    if (message.aux) {
      onAux?.(message.aux);
      continue;
    }
    output.write(output.isTTY ? onTerminal(message, lines, output.columns ?? 80) : onPaper(message));
    await output.drained();
  }
}

function onPaper(message: ProgressMessage): string {
  const { id, status, stream, progressDetail } = message;
  if (stream !== undefined) return stream;
  if (progressText(progressDetail, 0) !== '') return '';
  return `${id ? `${id}: ` : ''}${status ?? ''}\n`;
}

function onTerminal(message: ProgressMessage, lines: Map<string, number>, columns: number): string {
  const { id, status = '', stream, progressDetail } = message;
  if (stream !== undefined) return stream;
  if (!id) {
    // What is no progress ends the block of lines that change.
    lines.clear();
    return `${status}\n`;
  }
  let out = '';
  if (!lines.has(id)) {
    lines.set(id, lines.size);
    out += '\n';
  }
  const up = lines.size - lines.get(id)!;
  const progress = progressText(progressDetail, columns);
  const text = `${id}: ${status}${progress === '' ? ' ' : ` ${progress}`}`;
  return `${out}\x1b[${up}A${clearLine}\r${text}\x1b[${up}B\r`;
}

function messageError({ error, errorDetail }: ProgressMessage): StrataError {
  const message = errorDetail?.message || error || 'the transfer failed';
  return new StrataError(errorDetail?.code === 401 ? 'unauthenticated' : 'internal', message, {
    code: 'transfer_failed',
  });
}
