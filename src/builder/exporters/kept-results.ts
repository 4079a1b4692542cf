import { randomBytes } from 'node:crypto';
import { StrataError } from '../../errors/index.ts';
import { formatPlatform, type Platform, platformMatches } from '../../oci/index.ts';
import type { BuiltStage } from '../built.ts';
import type { Held } from '../cache/held.ts';

/** What a build made, of which no image has to be. */
export interface KeptResult {
  readonly built: readonly BuiltStage[];
  readonly labels: Readonly<Record<string, string>>;
  readonly epoch: number | undefined;
}

/** Results that other builds have as a named context: a target of buildx's bake, a service of Compose. */
export class KeptResults {
  readonly #held: Held;
  readonly #results = new Map<string, KeptResult>();

  constructor(held: Held) {
    this.#held = held;
  }

  /** The name of the result, which nothing removes before `until` ends; undefined if it has ended already. */
  keep(result: KeptResult, until: AbortSignal): string | undefined {
    if (until.aborted) return undefined;
    const id = randomBytes(16).toString('hex');
    const { add, release } = this.#held.open();
    for (const { root } of result.built) add(root);
    this.#results.set(id, result);
    const letGo = () => {
      this.#results.delete(id);
      release();
    };
    until.addEventListener('abort', letGo, { once: true });
    return id;
  }

  find(id: string, platform: Platform): Omit<KeptResult, 'built'> & { readonly built: BuiltStage } {
    const result = this.#results.get(id);
    if (!result) throw new StrataError('not_found', 'the result of another build that was named is not kept any more');
    const built = result.built.find((one) => platformMatches(platform, one.platform));
    if (built) return { ...result, built };
    throw new StrataError('not_found', `the other build made nothing for ${formatPlatform(platform)}`);
  }
}
