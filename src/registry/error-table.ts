import type { ErrorKind } from '../errors/index.ts';

/** One error code of the protocol: OCI distribution-spec v1.1, section "Error Codes". */
export interface RegistryErrorCode {
  readonly code: string;
  /** Row of the spec's table. */
  readonly section: string;
  readonly kind: ErrorKind;
  /** What is said when the registry gives the code without a message. */
  readonly message: string;
}

const row = (section: string, code: string, kind: ErrorKind, message: string): RegistryErrorCode => ({
  code,
  section,
  kind,
  message,
});

export const registryErrorCodes: readonly RegistryErrorCode[] = [
  row('code-1', 'BLOB_UNKNOWN', 'not_found', 'blob unknown to registry'),
  row('code-2', 'BLOB_UPLOAD_INVALID', 'failed_precondition', 'blob upload invalid'),
  row('code-3', 'BLOB_UPLOAD_UNKNOWN', 'not_found', 'blob upload unknown to registry'),
  row('code-4', 'DIGEST_INVALID', 'data_loss', 'provided digest did not match uploaded content'),
  row('code-5', 'MANIFEST_BLOB_UNKNOWN', 'not_found', 'blob unknown to registry'),
  row('code-6', 'MANIFEST_INVALID', 'invalid_argument', 'manifest invalid'),
  row('code-7', 'MANIFEST_UNKNOWN', 'not_found', 'manifest unknown'),
  row('code-8', 'NAME_INVALID', 'invalid_argument', 'invalid repository name'),
  row('code-9', 'NAME_UNKNOWN', 'not_found', 'repository name not known to registry'),
  row('code-10', 'SIZE_INVALID', 'data_loss', 'provided length did not match content length'),
  row('code-11', 'UNAUTHORIZED', 'unauthenticated', 'authentication required'),
  row('code-12', 'DENIED', 'permission_denied', 'requested access to the resource is denied'),
  row('code-13', 'UNSUPPORTED', 'unsupported', 'The operation is unsupported.'),
  row('code-14', 'TOOMANYREQUESTS', 'unavailable', 'too many requests'),
];

export function registryErrorCode(code: string): RegistryErrorCode | undefined {
  return registryErrorCodes.find((one) => one.code === code.toUpperCase());
}
