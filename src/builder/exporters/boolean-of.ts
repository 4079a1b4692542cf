import { StrataError } from '../../errors/index.ts';
import { noBool, parseBool } from '../../oci/index.ts';
import type { OutputSpec } from '../../wire/index.ts';

/** An attribute of an output that is on or off, in the spellings of Go's strconv.ParseBool; a name alone means on. */
export function booleanOf({ attributes }: Pick<OutputSpec, 'attributes'>, name: string, absent = false): boolean {
  const text = attributes[name];
  if (text === undefined) return absent;
  const value = text === '' ? true : parseBool(text);
  if (value !== undefined) return value;
  throw new StrataError('invalid_argument', `non-bool value specified for ${name}: ${noBool(text)}`);
}
