import { createHash } from 'node:crypto';

/** Digest (hex) of a value's JSON. Keys must be built in a fixed order; an absent field and undefined are the same. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** Under this key lies what an operation made: `base` are the result ids of its inputs, `content` the files it took. */
export function stepKey(definition: string, base: string, content: string): string {
  return digestOf(['step', definition, base, content]);
}
