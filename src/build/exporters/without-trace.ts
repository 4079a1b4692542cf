import { isKind } from '../../errors/index.ts';
import type { Image, Images } from '../../image/index.ts';

/** Makes images only for `use`: afterwards the store has those of them that it had before, or that got a name since. */
export async function withoutTrace<Made extends { readonly images: readonly Image[] }, T>(
  images: Pick<Images, 'list' | 'find' | 'remove'>,
  make: () => Promise<Made>,
  use: (made: Made) => Promise<T>,
): Promise<T> {
  const before = new Set((await images.list()).map(({ id }) => id));
  const made = await make();
  try {
    return await use(made);
  } finally {
    for (const { id } of made.images) if (!before.has(id)) await removeNameless(images, id);
  }
}

async function removeNameless(images: Pick<Images, 'find' | 'remove'>, id: Image['id']): Promise<void> {
  const image = await images.find(id);
  if (!image || image.names.length > 0) return;
  try {
    await images.remove(id, { force: true, prune: true, uses: [] });
  } catch (error) {
    // Another build has just removed the same one.
    if (!isKind(error, 'not_found')) throw error;
  }
}
