import { canonicalName, type Descriptor, parseReference } from '../../oci/index.ts';
import type { BuildResult } from '../../wire/index.ts';
import { annotationsOf } from './annotations.ts';
import { booleanOf } from './boolean-of.ts';
import { destinationOf, type Exporting } from './exporting.ts';
import { imageResult } from './image.ts';
import { sendLayout, writeLayoutArchive, writeLayoutFolder } from './layout.ts';
import { makeManifests } from './manifests.ts';
import { namingOf } from './names.ts';
import { storeImages } from './store-image.ts';

/** Writes an OCI image layout: a tar, or with `tar=false` a folder. The store keeps nothing of it. */
export async function exportOci(exporting: Exporting): Promise<BuildResult> {
  const { plant, session, request, output, built } = exporting;
  const { content } = plant.parts;
  const dest = destinationOf(output);
  const { names } = namingOf(request, output);
  annotationsOf(request, output, built.length > 1);
  return session.step({ kind: 'export', name: 'exporting to oci image format' }, (work) =>
    plant.withoutTrace.use(
      () => storeImages(exporting, [], work.signal),
      async (stored) => {
        const published = await makeManifests(exporting, stored.images, work.signal);
        const { root, bytes, blobs } = published;
        const shown = names.map(canonicalName);
        const entries = shown.length > 0 ? shown.map((name) => named(root, name)) : [root];
        const layout = { entries, documents: [{ descriptor: root, bytes }], blobs };
        const client = session.blobsOf(dest);
        if (client) await sendLayout(content, layout, client, work.signal);
        else if (!booleanOf(output, 'tar', true)) await writeLayoutFolder(content, layout, dest, work.signal);
        else await writeLayoutArchive(content, layout, dest, work.signal);
        return imageResult(stored, names, published);
      },
    ),
  );
}

function named(root: Descriptor, name: string): Descriptor {
  const annotations = {
    ...root.annotations,
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': parseReference(name).tag ?? 'latest',
  };
  return { ...root, annotations };
}
