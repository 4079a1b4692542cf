import { diskFullText, StrataError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';

/** What went wrong with one layer, as Docker says it. */
export function layerError(thrown: unknown, digest: Digest): unknown {
  const full = diskFull(thrown);
  if (full) return full;
  if (!(thrown instanceof StrataError)) return thrown;
  const { kind, code, message, hint } = thrown;
  if (code === 'digest_mismatch') {
    return new StrataError('data_loss', `filesystem layer verification failed for digest ${digest}`, {
      code,
      cause: thrown,
    });
  }
  if (!unpackCodes.has(code)) return thrown;
  return new StrataError(kind, `failed to register layer: ${message}`, { code, ...(hint && { hint }), cause: thrown });
}

const unpackCodes = new Set([
  'invalid_archive',
  'archive_too_large',
  'path_escapes',
  'extract_failed',
  'wrong_diff_id',
  'program_missing',
]);

/** Whether an unpacking that failed so may have failed because the bytes are not the right ones. */
export function mayBeDamage(thrown: unknown): boolean {
  return thrown instanceof StrataError && unpackCodes.has(thrown.code) && thrown.code !== 'archive_too_large';
}

/** A full disk is the user's to mend, whoever met it; undefined for other errors. */
export function diskFull(thrown: unknown): StrataError | undefined {
  const words = diskFullText(thrown);
  if (words === undefined) return undefined;
  return new StrataError('failed_precondition', `failed to register layer: ${words}`, {
    code: 'disk_full',
    hint: 'make room on the disk of the data root: `system prune` removes what nothing uses',
    cause: thrown,
  });
}
