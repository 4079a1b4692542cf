import { posix } from 'node:path';
import { StrataError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';

/** One entry of the `manifest.json` of a docker archive. */
export interface ArchiveImage {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

/** Where a blob lies in an OCI layout. */
export function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** A member's name without `./`, `//` and `..`: archives write the same name in several ways. */
export function memberPath(path: string): string {
  return posix.normalize(`/${path}`).slice(1);
}

/** The text of a small JSON member as an object; `invalid_argument` names the member. */
export function parseMember(name: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new StrataError('invalid_argument', `the archive's ${name} is not valid JSON: ${(cause as Error).message}`, {
      code: 'invalid_archive',
      cause,
    });
  }
}

export function parseArchiveManifest(bytes: Uint8Array): readonly ArchiveImage[] {
  const value = parseMember('manifest.json', bytes);
  const isTexts = (list: unknown) => Array.isArray(list) && list.every((item) => typeof item === 'string');
  const good =
    Array.isArray(value) &&
    value.every(
      (one) =>
        typeof one === 'object' &&
        one !== null &&
        typeof one.Config === 'string' &&
        isTexts(one.Layers) &&
        (one.RepoTags == null || isTexts(one.RepoTags)),
    );
  if (!good)
    throw new StrataError('invalid_argument', "the archive's manifest.json does not list images", {
      code: 'invalid_archive',
    });
  return value as readonly ArchiveImage[];
}
