import { csvFields } from '../flags/csv.ts';

export interface DeviceRequest {
  readonly Driver: string;
  readonly Count: number;
  readonly DeviceIDs: readonly string[] | null;
  readonly Capabilities: readonly (readonly string[])[];
  readonly Options: Readonly<Record<string, string>>;
}

/** Reads `--gpus`: `all`, a number, or `device=0,driver=nvidia,capabilities=compute`. Throws an Error with the reason. */
export function parseGpus(spec: string): DeviceRequest {
  const request = { Driver: '', Count: 0, DeviceIDs: null as string[] | null, Options: {} as Record<string, string> };
  const capabilities = ['gpu'];
  let counted = false;
  for (const field of csvFields(spec)) {
    const at = field.indexOf('=');
    const [key, value] = at === -1 ? ['count', field] : [field.slice(0, at), field.slice(at + 1)];
    if (key === 'driver') request.Driver = value;
    else if (key === 'count') {
      request.Count = countOf(value);
      counted = true;
    } else if (key === 'device') request.DeviceIDs = value.split(',');
    else if (key === 'capabilities') capabilities.unshift(...value.split(','));
    else if (key === 'options') {
      for (const option of csvFields(value)) {
        const [name = '', setting = ''] = option.split(/=(.*)/s);
        request.Options[name] = setting;
      }
    } else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (!counted && request.DeviceIDs === null) request.Count = 1;
  return { ...request, Capabilities: [capabilities] };
}

function countOf(text: string): number {
  if (text === 'all') return -1;
  if (!/^-?\d+$/.test(text))
    throw new Error(`invalid count (${text}): value must be either "all" or an integer: invalid syntax`);
  return Number(text);
}
