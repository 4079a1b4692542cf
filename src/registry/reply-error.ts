import { STATUS_CODES } from 'node:http';
import { type ErrorKind, StrataError } from '../errors/index.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { registryErrorCode } from './error-table.ts';
import { limits } from './limits.ts';
import { readStart } from './read-body.ts';

export interface FailedReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * The error that an answer tells, in Docker's words: `denied: requested access to the resource is denied`. Its `code`
 * is the registry's code in lower case, or `http_<status>`.
 */
export async function replyError(reply: FailedReply): Promise<StrataError> {
  const text = (await readStart(reply.body, limits.errorBody)).toString('utf8');
  const told = insufficientScope(reply) ?? firstError(text);
  if (told) return told;
  const { status } = reply;
  const known = codeOfStatus[status];
  if (known) return codeError(known, tokenServerWords(text));
  return new StrataError(kindOfStatus(status), `received unexpected HTTP status: ${statusLine(status)}`, {
    code: `http_${status}`,
  });
}

export function statusLine(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
}

const codeOfStatus: Readonly<Record<number, string>> = { 401: 'UNAUTHORIZED', 403: 'DENIED', 429: 'TOOMANYREQUESTS' };

function kindOfStatus(status: number): ErrorKind {
  if (status === 404) return 'not_found';
  if (status >= 500 || status === 408) return 'unavailable';
  return 'failed_precondition';
}

/** RFC 6750 section 3.1: the token is good, but not for this. */
function insufficientScope(reply: FailedReply): StrataError | undefined {
  if (reply.status !== 401) return undefined;
  const challenges: readonly Challenge[] = parseChallenges(reply.headers['www-authenticate']);
  const lacking = challenges.some(
    ({ scheme, params }) => scheme === 'bearer' && params['error'] === 'insufficient_scope',
  );
  return lacking ? codeError('DENIED', undefined) : undefined;
}

function firstError(text: string): StrataError | undefined {
  const document = parse(text);
  const list = Array.isArray(document?.['errors']) ? (document['errors'] as unknown[]) : [];
  const first = list[0];
  if (typeof first !== 'object' || first === null || !('code' in first) || typeof first.code !== 'string')
    return undefined;
  const message = 'message' in first && typeof first.message === 'string' ? first.message : undefined;
  return codeError(first.code, message);
}

/** Token servers answer in words of their own: `details`, `message` or `error_description`. */
function tokenServerWords(text: string): string | undefined {
  const document = parse(text);
  for (const key of ['details', 'message', 'error_description']) {
    const value = document?.[key];
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function codeError(code: string, message: string | undefined): StrataError {
  const known = registryErrorCode(code);
  const words = printable(message || known?.message || 'unknown error');
  const name = printable(code).toLowerCase().replaceAll('_', ' ');
  return new StrataError(known?.kind ?? 'failed_precondition', `${name}: ${words}`, {
    code: printable(code).toLowerCase(),
  });
}

/** A registry's words reach terminals: no control characters, no novels. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 1000);
}
