import type { BuildRequest } from '../../wire/index.ts';
import { fault } from './fault.ts';

export interface CallSpec {
  readonly method: NonNullable<BuildRequest['call']>;
  readonly json: boolean;
  /** Findings do not make the command fail. */
  readonly ignoreStatus: boolean;
}

const methods: Readonly<Record<string, CallSpec['method']>> = {
  '': 'build',
  build: 'build',
  check: 'check',
  lint: 'check',
  outline: 'outline',
  targets: 'targets',
};

const truths: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  true: true,
  '0': false,
  f: false,
  false: false,
};

/** `--call=check,format=json,ignorestatus=true`, as buildx reads it: the last of two equal fields counts. */
export function parseCall(text: string, check: boolean): CallSpec {
  const [name = '', ...fields] = text.split(',');
  const method = check ? 'check' : methods[name];
  if (method === undefined) {
    throw fault(`method ${JSON.stringify(name)} is not supported`, 'there are build, check, outline and targets');
  }
  let [json, ignoreStatus] = [false, false];
  for (const field of fields) {
    const at = field.indexOf('=');
    if (at === -1) throw fault(`invalid print value: ${text}`, 'a field is written name=value');
    const [key, value] = [field.slice(0, at), field.slice(at + 1)];
    if (key === 'format') json = value === 'json';
    else if (key === 'ignorestatus') ignoreStatus = booleanOf(value, text);
    else throw fault(`invalid print field: ${field}`, 'the fields are format and ignorestatus');
  }
  return { method, json, ignoreStatus };
}

function booleanOf(value: string, text: string): boolean {
  const known = truths[value.toLowerCase()];
  if (known === undefined) throw fault(`invalid print value: ${text}`, 'ignorestatus is true or false');
  return known;
}
