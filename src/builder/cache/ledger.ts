/** Something that is kept, and the bytes that it alone or with others keeps. */
export interface Holding {
  /** Storage by name: what two hold under one name takes its bytes once. */
  readonly holds: readonly { readonly name: string; readonly bytes: number }[];
}

/** Who keeps which storage: what is shared is counted once, and is free when its last holder lets go. */
export class Ledger<Holder extends Holding> {
  readonly #storage = new Map<string, { readonly bytes: number; readonly holders: Set<Holder> }>();
  #total = 0;

  constructor(holders: Iterable<Holder>) {
    for (const holder of holders) {
      for (const { name, bytes } of holder.holds) {
        const known = this.#storage.get(name);
        if (known) known.holders.add(holder);
        else {
          this.#storage.set(name, { bytes, holders: new Set([holder]) });
          this.#total += bytes;
        }
      }
    }
  }

  /** Bytes that are kept. */
  get total(): number {
    return this.#total;
  }

  /** Bytes that nobody but `holder` keeps. */
  frees(holder: Holder): number {
    return holder.holds.reduce((sum, { name }) => {
      const { bytes, holders } = this.#storage.get(name)!;
      return sum + (holders.size === 1 && holders.has(holder) ? bytes : 0);
    }, 0);
  }

  /** Lets go; returns the bytes that became free, and who now keeps something alone. */
  release(holder: Holder): { readonly freed: number; readonly alone: readonly Holder[] } {
    const freed = this.frees(holder);
    const alone = new Set<Holder>();
    for (const { name } of holder.holds) {
      const { holders } = this.#storage.get(name)!;
      holders.delete(holder);
      if (holders.size === 1) for (const last of holders) alone.add(last);
    }
    this.#total -= freed;
    return { freed, alone: [...alone] };
  }
}
