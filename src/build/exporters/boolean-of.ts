import { StrataError } from '../../errors/index.ts';
import type { OutputSpec } from '../types.ts';

/** An attribute of an output that is on or off, in the spellings of Go's strconv.ParseBool; a name alone means on. */
export function booleanOf({ attributes }: Pick<OutputSpec, 'attributes'>, name: string, absent = false): boolean {
  const text = attributes[name];
  if (text === undefined) return absent;
  if (['', '1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  const why = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw new StrataError('invalid_argument', `non-bool value specified for ${name}: ${why}`);
}
