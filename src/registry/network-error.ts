import { StrataError } from '../errors/index.ts';
import { requestWords } from './request-words.ts';

interface SystemError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
  readonly errors?: readonly unknown[];
}

const untrusted = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
]);

/** A request that got no answer, in the words of Docker (which are Go's). `retryable` faults are worth another try. */
export function networkError(method: string, url: URL, thrown: unknown): StrataError {
  const error = rootError(thrown);
  const [words, code, hint] = describe(error, url);
  return new StrataError('unavailable', `${requestWords(method, url)}: ${words}`, {
    code,
    ...(hint && { hint }),
    cause: thrown,
  });
}

/** The innermost error with a code: undici and happy eyeballs wrap what the system said. */
function rootError(thrown: unknown): SystemError {
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as SystemError;
  const inner = error.errors?.at(-1) ?? error.cause;
  if (inner instanceof Error && (error.code === undefined || error.errors !== undefined)) return rootError(inner);
  return error;
}

type Description = readonly [words: string, code: string, hint?: string];

function describe(error: SystemError, url: URL): Description {
  const code = error.code ?? '';
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const at = `${error.address ?? url.hostname}:${error.port ?? port}`;
  switch (code) {
    case 'ECONNREFUSED':
      return [`dial tcp ${at}: connect: connection refused`, 'connection_refused'];
    case 'EHOSTUNREACH':
      return [`dial tcp ${at}: connect: no route to host`, 'unreachable'];
    case 'ENETUNREACH':
      return [`dial tcp ${at}: connect: network is unreachable`, 'unreachable'];
    case 'ENOTFOUND':
    case 'EAI_NONAME':
      return [`dial tcp: lookup ${error.hostname ?? url.hostname}: no such host`, 'no_such_host'];
    case 'EAI_AGAIN':
      return [`dial tcp: lookup ${error.hostname ?? url.hostname}: temporary failure in name resolution`, 'broken'];
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return [`dial tcp ${at}: i/o timeout`, 'connect_timeout'];
    case 'ECONNRESET':
      return ['read: connection reset by peer', 'broken'];
    case 'EPIPE':
      return ['write: broken pipe', 'broken'];
    case 'UND_ERR_SOCKET':
      return ['EOF', 'broken'];
    case 'UND_ERR_HEADERS_TIMEOUT':
      return ['net/http: timeout awaiting response headers', 'broken'];
    case 'UND_ERR_BODY_TIMEOUT':
      return ['the registry stopped sending', 'broken'];
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return [x509('certificate has expired or is not yet valid'), 'tls_untrusted'];
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return [x509(`certificate is not valid for ${url.hostname}`), 'tls_untrusted'];
    default:
      return describeTls(error, code, url);
  }
}

function describeTls(error: SystemError, code: string, url: URL): Description {
  if (untrusted.has(code)) {
    return [
      x509('certificate signed by unknown authority'),
      'tls_untrusted',
      `put the authority's certificate in certs.d/${url.host}/ca.crt, or list ${url.host} under registries.insecure`,
    ];
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL|RECORD_LAYER/.test(code)) {
    return [
      'http: server gave HTTP response to HTTPS client',
      'tls_expected',
      `list ${url.host} under registries.insecure to speak http to it`,
    ];
  }
  if (/CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|HANDSHAKE_FAILURE/.test(code)) {
    return [
      'remote error: tls: certificate required',
      'tls_client',
      `put client.cert and client.key in certs.d/${url.host}`,
    ];
  }
  if (code.startsWith('HPE_') || /SSL|TLS/.test(code)) return [error.message, 'broken'];
  return [error.message || code || 'the connection failed', code.startsWith('UND_ERR') ? 'broken' : 'network'];
}

function x509(words: string): string {
  return `tls: failed to verify certificate: x509: ${words}`;
}

/** Whether a connection broke, as against never having come about. */
export function isBroken(error: unknown): boolean {
  return error instanceof StrataError && (error.code === 'broken' || error.code === 'connect_timeout');
}
