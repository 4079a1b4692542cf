import { StrataError } from '../../errors/index.ts';
import { canonicalName, familiarName, parseReference, type Reference, withDefaultTag } from '../../oci/index.ts';
import type { BuiltStage } from '../build.ts';
import type { Plant } from '../builder.ts';
import type { Session } from '../session.ts';
import type { BuildRequest, BuildResult, OutputSpec } from '../types.ts';
import { exportImage } from './image.ts';

/** Makes what the request wants of the built stages; an image where it says nothing. */
export async function exportAll(
  plant: Plant,
  session: Session,
  request: BuildRequest,
  built: readonly BuiltStage[],
  epoch: number | undefined,
): Promise<BuildResult> {
  const outputs: readonly OutputSpec[] = request.outputs?.length
    ? request.outputs
    : [{ type: 'image', attributes: {} }];
  let result: BuildResult = {};
  for (const output of outputs) {
    result = { ...result, ...(await exportOne(plant, session, request, built, output, epoch)) };
  }
  return result;
}

async function exportOne(
  plant: Plant,
  session: Session,
  request: BuildRequest,
  built: readonly BuiltStage[],
  output: OutputSpec,
  epoch: number | undefined,
): Promise<BuildResult> {
  const names = namesOf(request, output);
  switch (output.type) {
    case 'cacheonly':
      return {};
    case 'image':
      return exportImage(plant, session, request, built, names, epoch);
    default:
      throw new StrataError('unsupported', `output type ${output.type} is not supported`);
  }
}

/** The names of the image: `--tag`, and `name=` of the output. */
export function namesOf(request: BuildRequest, output: OutputSpec): Reference[] {
  const typed = [...(request.tags ?? []), ...(output.attributes['name']?.split(',') ?? [])].filter(
    (name) => name !== '',
  );
  const references = typed.map((text) => {
    try {
      return withDefaultTag(parseReference(text));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new StrataError('invalid_argument', `invalid tag ${JSON.stringify(text)}: ${why}`, {
        code: 'invalid_reference',
        cause: error,
      });
    }
  });
  const unique = new Map(references.map((reference) => [canonicalName(reference), reference]));
  return [...unique.values()];
}

export function shownNames(names: readonly Reference[]): string[] {
  return names.map(familiarName);
}
