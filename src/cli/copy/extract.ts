import { createLayers } from '../../layer/index.ts';

/**
 * Unpacks an archive in a folder of this machine. The archive is a container's, and so hostile: nothing is written
 * outside the folder, whatever links it holds. Without `owners` everything belongs to whoever calls.
 */
export async function extractHere(archive: AsyncIterable<Uint8Array>, folder: string, owners: boolean): Promise<void> {
  const layers = createLayers();
  try {
    await layers.extract(archive, folder, {
      compression: 'none',
      target: '/',
      noOverwriteDirNonDir: true,
      ...(!owners && { chown: { uid: process.getuid!(), gid: process.getgid!() } }),
    });
  } finally {
    await layers.close();
  }
}
