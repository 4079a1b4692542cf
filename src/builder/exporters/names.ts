import { messageOf, StrataError } from '../../errors/index.ts';
import { canonicalName, parseReference, type Reference, withDefaultTag } from '../../oci/index.ts';
import type { BuildRequest, OutputSpec } from '../../wire/index.ts';
import { booleanOf } from './boolean-of.ts';

/** How what an output makes is called. */
export interface Naming {
  /** With their tags. */
  readonly names: readonly Reference[];
  /** Repositories in which it is known by its digest, too (`name-canonical`), or alone (`push-by-digest`). */
  readonly canonical: readonly Reference[];
  /** `push-by-digest`: the image takes no tag, here or in the registry. */
  readonly byDigest: boolean;
}

/**
 * The names of the image: `--tag`, and `name=` of the output; without any, `dangling-name-prefix=` of the output. Throws
 * `invalid_argument` for one that is none, and for a tag where the push is to be by digest.
 */
export function namingOf(request: BuildRequest, output?: OutputSpec): Naming {
  const attributes = output?.attributes ?? {};
  const isOn = (name: string) => output !== undefined && booleanOf(output, name);
  const byDigest = isOn('push-by-digest');
  const typed = [...(request.tags ?? []), ...(attributes['name']?.split(',') ?? [])].filter((name) => name !== '');
  const references = distinct(typed.map(readName));
  if (byDigest) {
    const tagged = references.find(({ tag }) => tag !== undefined);
    if (tagged) {
      throw new StrataError('invalid_argument', `can't push tagged ref ${canonicalName(tagged)} by digest`, {
        hint: 'leave the tag away: what is pushed by digest has none',
      });
    }
    return { names: [], canonical: references, byDigest };
  }
  const prefix = attributes['dangling-name-prefix'] ?? '';
  const unnamed = references.length === 0 && prefix !== '' ? [readName(prefix)] : [];
  const named = isOn('name-canonical') ? references : unnamed;
  return { names: distinct(references.map(withDefaultTag)), canonical: distinct(named.map(withoutTag)), byDigest };
}

function distinct(references: readonly Reference[]): Reference[] {
  return [...new Map(references.map((reference) => [canonicalName(reference), reference])).values()];
}

function withoutTag({ domain, path }: Reference): Reference {
  return { domain, path };
}

function readName(text: string): Reference {
  let reference: Reference;
  try {
    reference = parseReference(text);
  } catch (error) {
    throw new StrataError('invalid_argument', `invalid tag ${JSON.stringify(text)}: ${messageOf(error)}`, {
      code: 'invalid_reference',
      cause: error,
      ...(error instanceof StrataError && error.hint !== undefined && { hint: error.hint }),
    });
  }
  if (reference.digest === undefined) return reference;
  throw new StrataError(
    'invalid_argument',
    `invalid tag ${JSON.stringify(text)}: a name with a digest cannot be given`,
  );
}
