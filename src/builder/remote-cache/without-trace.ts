import { isKind } from '../../errors/index.ts';
import type { Image, Images } from '../../image/index.ts';

/**
 * Images that are made only to be used and have no place in the store. Builds at once may make the same one: it goes when
 * the last of them is done, and while nobody is about to make one.
 */
export class WithoutTrace {
  readonly #images: Pick<Images, 'list' | 'find' | 'remove'>;
  /** Uses of the images that were not there before, by id. */
  readonly #uses = new Map<Image['id'], number>();
  #making = 0;

  constructor(images: Pick<Images, 'list' | 'find' | 'remove'>) {
    this.#images = images;
  }

  /** Afterwards the store has those of the images that it had before, or that got a name since. */
  async use<Made extends { readonly images: readonly Image[] }, T>(
    make: () => Promise<Made>,
    use: (made: Made) => Promise<T>,
  ): Promise<T> {
    this.#making++;
    let passing: readonly Image['id'][] = [];
    let made: Made;
    try {
      const before = new Set((await this.#images.list()).map(({ id }) => id));
      made = await make();
      passing = made.images.map(({ id }) => id).filter((id) => this.#uses.has(id) || !before.has(id));
      for (const id of passing) this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1);
    } catch (error) {
      this.#making--;
      await this.#sweep();
      throw error;
    }
    this.#making--;
    try {
      return await use(made);
    } finally {
      for (const id of passing) this.#uses.set(id, this.#uses.get(id)! - 1);
      await this.#sweep();
    }
  }

  async #sweep(): Promise<void> {
    for (const [id, count] of this.#uses) {
      if (count > 0 || this.#making > 0) continue;
      this.#uses.delete(id);
      await this.#removeNameless(id);
    }
  }

  async #removeNameless(id: Image['id']): Promise<void> {
    const image = await this.#images.find(id);
    if (!image || image.names.length > 0) return;
    try {
      await this.#images.remove(id, { force: true, prune: true, uses: [] });
    } catch (error) {
      // Somebody has just removed it.
      if (!isKind(error, 'not_found')) throw error;
    }
  }
}
