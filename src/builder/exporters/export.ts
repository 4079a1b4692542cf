import { StrataError } from '../../errors/index.ts';
import type { BuildResult, OutputSpec } from '../../wire/index.ts';
import { exportDockerArchive } from './docker-archive.ts';
import type { Exporting } from './exporting.ts';
import { exportImage } from './image.ts';
import { exportOci } from './oci.ts';
import { exportLocal, exportTar } from './tree.ts';

/** Makes what the request wants of the built stages; an image where it says nothing. */
export async function exportAll(exporting: Omit<Exporting, 'output'>): Promise<BuildResult> {
  const wanted = exporting.request.outputs ?? [];
  const outputs: readonly OutputSpec[] = wanted.length > 0 ? wanted : [{ type: 'image', attributes: {} }];
  let result: BuildResult = {};
  for (const output of outputs) {
    const made = await exportOne({ ...exporting, output });
    result = { ...result, ...made, metadata: { ...result.metadata, ...made.metadata } };
  }
  return result;
}

async function exportOne(exporting: Exporting): Promise<BuildResult> {
  switch (exporting.output.type) {
    case 'cacheonly':
      return {};
    case 'image':
    case 'registry':
      return exportImage(exporting);
    case 'docker':
      if (exporting.built.length > 1) {
        throw new StrataError('unsupported', 'docker exporter does not currently support exporting manifest lists', {
          hint: 'several platforms go into --output type=oci, type=local, or an image that is pushed',
        });
      }
      // Without a file the image goes where `docker load` would bring it.
      return exporting.output.dest === undefined ? exportImage(exporting) : exportDockerArchive(exporting);
    case 'oci':
      return exportOci(exporting);
    case 'tar':
      return exportTar(exporting);
    case 'local':
      return exportLocal(exporting);
    default: {
      const type: never = exporting.output.type;
      throw new StrataError('invalid_argument', `unknown output type: ${String(type)}`);
    }
  }
}
