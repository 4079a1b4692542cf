import { StrataError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import { canonicalName, type Digest, type Reference } from '../../oci/index.ts';
import { authFor } from '../resolve-base.ts';
import type { BuildResult } from '../types.ts';
import type { Exporting } from './export.ts';
import { namesOf } from './names.ts';
import { storeImage } from './store-image.ts';

/** Stores the image here, points its names at it, and pushes it where that is wanted. */
export async function exportImage(exporting: Exporting): Promise<BuildResult> {
  const { session, request, output } = exporting;
  const names = namesOf(request, output);
  const image = await session.step({ kind: 'export', name: 'exporting to image' }, async (work) => {
    const made = await storeImage(exporting, names, work.signal);
    const tell = (status: string) =>
      work.emit({ type: 'status', status, current: 1, unit: 'files', at: session.now(), done: true });
    tell('exporting layers');
    tell(`writing image ${made.id}`);
    for (const name of names) tell(`naming to ${canonicalName(name)}`);
    return made;
  });
  const pushes = output.type === 'registry' || output.attributes['push'] === 'true';
  const digest = pushes ? await pushAll(exporting, names) : undefined;
  return imageResult(image, names, digest);
}

export function imageResult(image: Image, names: readonly Reference[], digest: Digest | undefined): BuildResult {
  const shown = names.map(canonicalName);
  return {
    imageID: image.id,
    names: shown,
    ...(digest !== undefined && { digest }),
    metadata: {
      'containerimage.config.digest': image.id,
      'containerimage.digest': digest ?? image.id,
      ...(shown.length > 0 && { 'image.name': shown.join(',') }),
    },
  };
}

async function pushAll({ plant, session, request }: Exporting, names: readonly Reference[]): Promise<Digest> {
  const { transfers } = plant.parts;
  if (!transfers) throw new StrataError('unsupported', 'this builder cannot push');
  if (names.length === 0) {
    throw new StrataError('invalid_argument', 'tag is needed when pushing to registry', { hint: 'name it with --tag' });
  }
  let digest: Digest | undefined;
  for (const name of names) {
    const event = { kind: 'export', name: `pushing ${canonicalName(name)}` } as const;
    const pushed = await session.step(event, (work) => {
      const auth = authFor(request, name.domain);
      return transfers.push(name, {
        signal: work.signal,
        ...(auth && { auth }),
        progress: ({ id, status, current, total }) =>
          work.emit({
            type: 'status',
            status: [status, id].filter((part) => part !== undefined).join(' '),
            current: current ?? 0,
            ...(total !== undefined && { total }),
            unit: 'bytes',
            at: session.now(),
            done: status === 'Pushed' || status === 'Layer already exists',
          }),
      });
    });
    digest = pushed.digest;
  }
  return digest!;
}
