/**
 * The one error class of the engine.
 *
 * A `StrataError` is something that a user, an API client or another room can act on; a bare `Error` means a bug in
 * our own code. Exactly one function per edge turns a kind into a transport's language: `api` into an HTTP status,
 * `cli` into an exit code.
 */

/** The closed set of error classes. New situations get a new `code`, not a new kind. */
export const errorKinds = [
  'not_found',
  'already_exists',
  'invalid_argument',
  'failed_precondition',
  'conflict',
  'unauthenticated',
  'permission_denied',
  'unavailable',
  'unsupported',
  'cancelled',
  'data_loss',
  'internal',
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/** A place in a text file that the user wrote. Lines and columns count from 1; `endLine` is inclusive. */
export interface SourceLocation {
  /** The name as the user knows it, e.g. `Dockerfile` or `app/api.Dockerfile`. */
  readonly file: string;
  readonly line: number;
  readonly endLine?: number;
  readonly column?: number;
  /** The lines around the place, for showing it; `first` is the number of the first of `lines`. */
  readonly excerpt?: { readonly first: number; readonly lines: readonly string[] };
}

export interface StrataErrorOptions {
  /** A stable word for programs, e.g. `image_not_found`; the kind where none is given. */
  readonly code?: string;
  /** What the user can do next, one sentence. */
  readonly hint?: string;
  readonly location?: SourceLocation;
  readonly cause?: unknown;
  /** The exit code that a command line must end with, where the kind does not say it (a failing RUN, a container). */
  readonly exitCode?: number;
}

export class StrataError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;
  readonly location: SourceLocation | undefined;
  readonly exitCode: number | undefined;

  constructor(kind: ErrorKind, message: string, options: StrataErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StrataError';
    this.kind = kind;
    this.code = options.code ?? kind;
    this.hint = options.hint;
    this.location = options.location;
    this.exitCode = options.exitCode;
  }
}

export function isKind(error: unknown, kind: ErrorKind): error is StrataError {
  return error instanceof StrataError && error.kind === kind;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Wraps what is not ours: an aborted operation becomes `cancelled`, anything else `internal` with its cause. */
export function toStrataError(error: unknown): StrataError {
  if (error instanceof StrataError) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return new StrataError('cancelled', 'cancelled', { cause: error });
  }
  return new StrataError('internal', messageOf(error), { cause: error });
}

/** The text for a terminal: message, then `file:line` with the lines shown and the failing ones marked, then the hint. */
export function formatError(error: StrataError): string {
  const out = [error.message];
  const at = error.location;
  if (at) {
    out.push(`${at.file}:${at.line}`);
    if (at.excerpt) {
      const last = at.endLine ?? at.line;
      const width = String(at.excerpt.first + at.excerpt.lines.length - 1).length;
      out.push('--------------------');
      at.excerpt.lines.forEach((text, index) => {
        const number = at.excerpt!.first + index;
        const mark = number >= at.line && number <= last ? '>>>' : '   ';
        out.push(`${String(number).padStart(width)} | ${mark} ${text}`.trimEnd());
      });
      out.push('--------------------');
    }
  }
  if (error.hint) out.push(`hint: ${error.hint}`);
  return out.join('\n');
}
