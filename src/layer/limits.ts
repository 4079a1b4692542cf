import { StrataError } from '../errors/index.ts';
import type { UnpackLimits } from './types.ts';

const defaults = { maxBytes: 64 * 2 ** 30, maxEntries: 4_000_000, maxRatio: 200, ratioFree: 2 ** 30 } as const;

/** Watches over what an archive expands to. */
export class Allowance {
  readonly #limits: Required<UnpackLimits>;
  #entries = 0;
  #content = 0;

  constructor(limits: UnpackLimits) {
    this.#limits = {
      maxBytes: limits.maxBytes ?? defaults.maxBytes,
      maxEntries: limits.maxEntries ?? defaults.maxEntries,
      maxRatio: limits.maxRatio ?? defaults.maxRatio,
      ratioFree: limits.ratioFree ?? defaults.ratioFree,
    };
  }

  /** One more entry, of `size` bytes on disk (a sparse file's holes count). */
  entry(size: number): void {
    this.#entries++;
    this.#content += size;
    const { maxEntries, maxBytes } = this.#limits;
    if (this.#entries > maxEntries) throw tooMuch(`more than ${maxEntries} entries`, 'layerEntries');
    if (this.#content > maxBytes) throw tooMuch(`more than ${maxBytes} bytes`, 'layerBytes');
  }

  /** So many bytes have come out of so many compressed ones. */
  expanded(out: number, compressed: number): void {
    const { maxBytes, maxRatio, ratioFree } = this.#limits;
    if (out > maxBytes) throw tooMuch(`more than ${maxBytes} bytes`, 'layerBytes');
    if (out > ratioFree + compressed * maxRatio)
      throw tooMuch(`more than ${maxRatio} times its compressed size`, 'layerRatio');
  }
}

/** The setting is named in the message itself, since clients show no more of a failed pull. */
function tooMuch(what: string, setting: string): StrataError {
  return new StrataError('failed_precondition', `the archive expands to ${what} (the setting limits.${setting})`, {
    code: 'archive_too_large',
  });
}
