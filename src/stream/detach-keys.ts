import { StrataError } from '../errors/index.ts';

const standard = 'ctrl-p,ctrl-q';

/** The bytes of a key sequence as people write it: `ctrl-p,ctrl-q`, `ctrl-a,d`. */
export function parseDetachKeys(text: string): Uint8Array {
  const keys = (text === '' ? standard : text).split(',').map((key) => {
    if ([...key].length === 1) return key.codePointAt(0)!;
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key.toLowerCase());
    if (!control) {
      throw new StrataError('invalid_argument', `invalid detach keys (${text}) provided: Unknown character: '${key}'`, {
        code: 'invalid_keys',
      });
    }
    return control[1]!.toUpperCase().charCodeAt(0) - 64;
  });
  return Uint8Array.from(keys);
}

/**
 * Watches what is typed for the sequence. Keys that may begin it are held back until it is clear whether they do.
 * `feed` gives what may be sent on, and whether the sequence is complete.
 */
export function createKeyWatch(sequence: Uint8Array): {
  feed(chunk: Uint8Array): { pass: Uint8Array; detach: boolean };
} {
  let matched = 0;
  return {
    feed(chunk) {
      const pass: number[] = [];
      for (const byte of chunk) {
        if (byte === sequence[matched]) {
          matched++;
          if (matched === sequence.length) return { pass: Uint8Array.from(pass), detach: true };
          continue;
        }
        pass.push(...sequence.subarray(0, matched));
        matched = byte === sequence[0] ? 1 : 0;
        if (matched === 0) pass.push(byte);
      }
      return { pass: Uint8Array.from(pass), detach: false };
    },
  };
}
