import { type NewTarEntry, readTar, writeTar } from '../../layer/index.ts';
import { type CopyPlan, renamed } from './plan.ts';

/** The same archive under other names; what links point at within it follows. */
export async function* renameArchive(
  archive: AsyncIterable<Uint8Array>,
  rename: CopyPlan['rename'],
): AsyncGenerator<Uint8Array> {
  if (!rename) {
    yield* archive;
    return;
  }
  yield* writeTar(entries());

  async function* entries(): AsyncGenerator<NewTarEntry> {
    for await (const { header, body } of readTar(archive)) {
      const path = renamed(header.path, rename);
      const link = header.type === 'hardlink' ? renamed(header.link, rename) : header.link;
      yield { header: { ...header, path, link }, body };
    }
  }
}
