import { messageOf, StrataError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import {
  canonicalName,
  chainID,
  familiarName,
  type Platform,
  parseReference,
  platformMatches,
  type Reference,
  withDefaultTag,
} from '../../oci/index.ts';
import { digestOf } from '../cache/keys.ts';
import type { RootValue } from '../value.ts';
import { emptyRoot } from './empty-root.ts';

/** The reference of a base image. */
export function baseReference(name: string): Reference {
  try {
    return withDefaultTag(parseReference(name));
  } catch (error) {
    const hint = error instanceof StrataError ? error.hint : undefined;
    throw new StrataError(
      'invalid_argument',
      `failed to parse stage name ${JSON.stringify(name)}: ${messageOf(error)}`,
      {
        code: 'invalid_reference',
        cause: error,
        ...(hint !== undefined && { hint }),
      },
    );
  }
}

/** What an image's files are to a build: equal stacks of layers are equal, whatever the image is called. */
export function imageRoot(image: Pick<Image, 'config' | 'snapshot'>): RootValue {
  const chain = chainID(image.config.rootfs.diff_ids);
  if (chain === undefined || image.snapshot === null) return emptyRoot;
  return { kind: 'root', id: digestOf(['image', chain]), snapshot: image.snapshot, fresh: false, createdAt: null };
}

/** Whether a local image may be built on for a platform. */
export function serves({ config }: Image, platform: Platform): boolean {
  return platformMatches(platform, config);
}

/** BuildKit's words for a base that cannot be had. */
export function unresolved(name: string, reference: Reference, cause: unknown): StrataError {
  const kind = cause instanceof StrataError ? cause.kind : 'unavailable';
  const hint = cause instanceof StrataError ? cause.hint : undefined;
  const canonical = canonicalName(reference);
  // Registries have many words for it.
  const isAbsent = kind === 'not_found' && (cause as StrataError).code !== 'no_matching_manifest';
  const why = isAbsent ? `${canonical}: not found` : messageOf(cause);
  const message = `${name}: failed to resolve source metadata for ${canonical}: ${why}`;
  return new StrataError(kind, message, { code: 'base_not_found', cause, ...(hint !== undefined && { hint }) });
}

/** The names under which a named context stands for `name`. */
export function contextNames(name: string): string[] {
  const names = [name];
  try {
    const reference = withDefaultTag(parseReference(name));
    const familiar = familiarName(reference);
    names.push(familiar, familiar.replace(/:latest$/, ''), canonicalName(reference));
  } catch {
    // No image's name: only what was typed counts.
  }
  return names;
}
