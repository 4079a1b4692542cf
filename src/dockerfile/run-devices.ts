import { StrataError } from '../errors/index.ts';
import { parseBool } from '../oci/index.ts';
import { csvFields } from './csv-fields.ts';
import { withSuggestion } from './suggest.ts';
import type { RunDevice } from './types.ts';

/**
 * The value of one `RUN --device`: a device name, or `name=...` with `required`.
 *
 * @throws StrataError invalid_argument
 */
export function parseRunDevice(spec: string): RunDevice {
  let name: string | undefined;
  let required = false;
  for (const field of csvFields(spec)) {
    const cut = field.indexOf('=');
    const key = (cut < 0 ? field : field.slice(0, cut)).toLowerCase();
    const value = cut < 0 ? undefined : field.slice(cut + 1);
    if (key === 'required') required = requiredValue(value);
    else if (key === 'name' && value !== undefined) name = value;
    else if (name === undefined && (value === undefined || field.includes('/'))) name = field;
    else throw fault(withSuggestion(`unexpected key '${key}' in '${field}'`, key, ['name', 'required']));
  }
  if (!name) throw fault('device name is required');
  return { name, required };
}

function requiredValue(value: string | undefined): boolean {
  const parsed = value === undefined ? true : parseBool(value);
  if (parsed === undefined) throw fault(`invalid value for required: ${value}`);
  return parsed;
}

function fault(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'invalid_device' });
}
