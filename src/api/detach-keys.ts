import { StrataError } from '../errors/index.ts';

/** `invalid_argument` for what is no sequence of keys to detach with: characters, and `ctrl-` with one, between commas. */
export function checkDetachKeys(text: string, name: 'escape' | 'detach'): void {
  if (text === '' || text.split(',').every((key) => /^(.|ctrl-[a-z@[\\\]^_])$/su.test(key))) return;
  throw new StrataError('invalid_argument', `Invalid ${name} keys (${text}) provided`, { code: 'invalid_keys' });
}
