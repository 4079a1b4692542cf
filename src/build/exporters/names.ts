import { messageOf, StrataError } from '../../errors/index.ts';
import { canonicalName, parseReference, type Reference, withDefaultTag } from '../../oci/index.ts';
import type { BuildRequest, OutputSpec } from '../types.ts';

/** The names of the image: `--tag`, and `name=` of the output. Throws `invalid_argument` for one that is none. */
export function namesOf(request: BuildRequest, output?: OutputSpec): Reference[] {
  const typed = [...(request.tags ?? []), ...(output?.attributes['name']?.split(',') ?? [])];
  const references = typed.filter((name) => name !== '').map(readName);
  return [...new Map(references.map((reference) => [canonicalName(reference), reference])).values()];
}

function readName(text: string): Reference {
  let reference: Reference;
  try {
    reference = withDefaultTag(parseReference(text));
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
