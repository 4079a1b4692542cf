import type { Lookup } from '../../dockerfile/index.ts';

/**
 * Variables in the order in which they were set: what an instruction can name, and what a RUN gets as environment.
 * Setting one again moves it to the end. Values are never changed in place, so scopes can be copied cheaply.
 */
export class Scope {
  readonly #values: Map<string, string>;

  constructor(values: Iterable<readonly [string, string]> = []) {
    this.#values = new Map(values);
  }

  get lookup(): Lookup {
    return (name) => this.#values.get(name);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: string): void {
    this.#values.delete(name);
    this.#values.set(name, value);
  }

  names(): string[] {
    return [...this.#values.keys()];
  }

  copy(): Scope {
    return new Scope(this.#values);
  }

  /** `NAME=value` lines. */
  lines(): string[] {
    return [...this.#values].map(([name, value]) => `${name}=${value}`);
  }
}

/** Build arguments that have a value. */
export function givenArguments(given: Readonly<Record<string, string | null>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null));
}

/** `PATH` of an image that sets none. */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
