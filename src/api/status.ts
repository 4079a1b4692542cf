import { type ErrorKind, StrataError, toStrataError } from '../errors/index.ts';

/** HTTP status of each error kind, in the codes that Docker's clients act on (moby api/server/httpstatus). */
const statusByKind: Readonly<Record<ErrorKind, number>> = {
  not_found: 404,
  already_exists: 409,
  invalid_argument: 400,
  failed_precondition: 409,
  conflict: 409,
  unauthenticated: 401,
  permission_denied: 403,
  unavailable: 503,
  unsupported: 501,
  cancelled: 499,
  data_loss: 500,
  internal: 500,
};

/** Codes whose status is not their kind's. */
const statusByCode: Readonly<Record<string, number>> = {
  not_modified: 304,
  body_too_large: 413,
  // Docker answers these with its catch-all.
  not_paused: 500,
  // A registry that cannot be reached: 503 would say that this engine cannot.
  connection_refused: 500,
  unreachable: 500,
  no_such_host: 500,
  connect_timeout: 500,
  broken: 500,
  tls_untrusted: 500,
};

export function statusOf(error: StrataError): number {
  return statusByCode[error.code] ?? statusByKind[error.kind];
}

/** The error as this API tells it. What only a bug can cause is told without its inner text. */
export function errorReply(thrown: unknown): { readonly status: number; readonly message: string } {
  const error = thrown instanceof StrataError ? thrown : fromServer(thrown);
  // An error of a library may bring its stack along in its text: that is for the log.
  return { status: statusOf(error), message: error.message.replace(/\n\s+at [\s\S]*$/, '') };
}

/** Errors of the HTTP layer itself carry a `statusCode`. */
function fromServer(thrown: unknown): StrataError {
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  if (thrown instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    const code = status === 413 ? 'body_too_large' : undefined;
    return new StrataError('invalid_argument', thrown.message, { cause: thrown, ...(code && { code }) });
  }
  return toStrataError(thrown);
}
