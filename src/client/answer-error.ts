import { type ErrorKind, StrataError } from '../errors/index.ts';

const kinds: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid_argument',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  409: 'conflict',
  412: 'failed_precondition',
  499: 'cancelled',
  501: 'unsupported',
  503: 'unavailable',
};

/** The daemon's answer of status 400 or above as an error with its words and the code `http_STATUS`. */
export function answerError(status: number, body: string): StrataError {
  return new StrataError(kinds[status] ?? 'internal', messageIn(body) ?? `the daemon answered with status ${status}`, {
    code: `http_${status}`,
  });
}

/** Whether the words of this error are the daemon's. */
export function isDaemonAnswer(error: unknown): error is StrataError {
  return error instanceof StrataError && error.code.startsWith('http_');
}

function messageIn(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    if (typeof message === 'string' && message !== '') return message.trimEnd();
  } catch {
    // Not JSON: the text itself is the message.
  }
  return body.trim() === '' ? undefined : body.trim().slice(0, 2000);
}
