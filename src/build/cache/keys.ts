import { createHash } from 'node:crypto';

/** Digest (hex) of a value's JSON. Keys must be built in a fixed order; an absent field and undefined are the same. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
