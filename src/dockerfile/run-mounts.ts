/** The values of `RUN --mount`. */

import { StrataError } from '../errors/index.ts';
import { parseBool } from '../oci/index.ts';
import { csvFields } from './csv-fields.ts';
import { parseBytes, parseUint32 } from './go-numbers.ts';
import { quote } from './go-text.ts';
import { withSuggestion } from './suggest.ts';
import type { RunMount } from './types.ts';

const mountTypes = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const sharingModes = ['shared', 'private', 'locked'] as const;
const mountKeys = [
  ...['type', 'from', 'source', 'target', 'readonly', 'id', 'sharing', 'required', 'size', 'mode', 'uid', 'gid'],
  ...['src', 'dst', 'destination', 'ro', 'rw', 'readwrite', 'env'],
];

type Draft = { -readonly [Key in keyof RunMount]: RunMount[Key] } & { readOnlyGiven?: boolean };

function fault(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'invalid_mount' });
}

/**
 * Parses the values of `--mount` flags.
 *
 * @param expand expands the value of one key; without it values are taken as written
 * @throws StrataError invalid_argument in the reference's words
 */
export function parseRunMounts(specs: readonly string[], expand = (value: string): string => value): RunMount[] {
  return specs.map((spec) => parseMount(spec, expand));
}

/**
 * What is checked of a mount before its variables are known: that it is a list of fields, and that `from` names a stage
 * or an image and no variable.
 */
export function checkMountShape(spec: string): void {
  for (const field of csvFields(spec)) {
    const { key, value } = splitField(field);
    if (key === 'from' && value !== undefined && /\$./.test(value)) {
      throw fault(`'${key}' doesn't support variable expansion, define alias stage instead`);
    }
  }
}

function emptyDraft(): Draft {
  return { type: 'bind', readOnly: false, required: false };
}

function parseMount(spec: string, expand: (value: string) => string): RunMount {
  const draft = emptyDraft();
  for (const field of csvFields(spec)) {
    const { key, value } = splitField(field);
    if (value === undefined) {
      if (!bareKey(draft, key)) throw fault(`invalid field '${field}' must be a key=value pair`);
    } else {
      setKey(draft, key, expand(value), field);
    }
  }
  return finish(draft);
}

function splitField(field: string): { key: string; value: string | undefined } {
  const cut = field.indexOf('=');
  if (cut < 0) return { key: field.toLowerCase(), value: undefined };
  return { key: field.slice(0, cut).toLowerCase(), value: field.slice(cut + 1) };
}

/** Keys that stand without a value. */
function bareKey(draft: Draft, key: string): boolean {
  switch (key) {
    case 'readonly':
    case 'ro':
    case 'readwrite':
    case 'rw':
      draft.readOnly = key.startsWith('reado') || key === 'ro';
      draft.readOnlyGiven = true;
      return true;
    case 'required':
      setRequired(draft, () => true);
      return true;
    default:
      return false;
  }
}

function setRequired(draft: Draft, value: () => boolean): void {
  if (draft.type !== 'secret' && draft.type !== 'ssh') {
    throw fault(`unexpected key 'required' for mount type '${draft.type}'`);
  }
  draft.required = value();
}

function setType(draft: Draft, value: string): void {
  const type = mountTypes.find((known) => known === value.toLowerCase());
  if (!type) throw fault(withSuggestion(`unsupported mount type ${quote(value)}`, value, mountTypes));
  draft.type = type;
}

function booleanOf(key: string, value: string): boolean {
  const parsed = parseBool(value);
  if (parsed === undefined) throw fault(`invalid value for ${key}: ${value}`);
  return parsed;
}

function numberOf(key: 'mode' | 'uid' | 'gid', value: string): number {
  const parsed = parseUint32(value, key === 'mode' ? 8 : 10);
  if (parsed === undefined) throw fault(`invalid value ${value} for ${key}`);
  return parsed;
}

function setKey(draft: Draft, key: string, value: string, field: string): void {
  switch (key) {
    case 'type':
      setType(draft, value);
      return;
    case 'from':
      // Without a name it is what it is without the key: the context.
      if (value !== '') draft.from = value;
      return;
    case 'id':
    case 'env':
      draft[key] = value;
      return;
    case 'source':
    case 'src':
      draft.source = value;
      return;
    case 'target':
    case 'dst':
    case 'destination':
      draft.target = value;
      return;
    case 'readonly':
    case 'ro':
    case 'readwrite':
    case 'rw': {
      const parsed = booleanOf(key, value);
      draft.readOnly = key === 'readonly' || key === 'ro' ? parsed : !parsed;
      draft.readOnlyGiven = true;
      return;
    }
    case 'required':
      setRequired(draft, () => booleanOf(key, value));
      return;
    case 'size':
      setSize(draft, value);
      return;
    case 'sharing':
      setSharing(draft, value);
      return;
    case 'mode':
    case 'uid':
    case 'gid':
      draft[key] = numberOf(key, value);
      return;
    default:
      throw fault(withSuggestion(`unexpected key '${key}' in '${field}'`, key, mountKeys));
  }
}

function setSize(draft: Draft, value: string): void {
  if (draft.type !== 'tmpfs') throw fault(`unexpected key 'size' for mount type '${draft.type}'`);
  const size = parseBytes(value);
  if (size === undefined) throw fault(`invalid value for size: ${value}`);
  draft.sizeLimit = size;
}

function setSharing(draft: Draft, value: string): void {
  const sharing = sharingModes.find((known) => known === value.toLowerCase());
  if (!sharing) throw fault(withSuggestion(`unsupported sharing value ${quote(value)}`, value, sharingModes));
  draft.sharing = sharing;
}

function finish(draft: Draft): RunMount {
  const { readOnlyGiven, ...mount } = draft;
  const { type } = mount;
  const ownerAllowed = type === 'secret' || type === 'ssh' || type === 'cache';
  for (const key of ['mode', 'uid', 'gid'] as const) {
    if (mount[key] !== undefined && !ownerAllowed) throw fault(`${key} not allowed for ${quote(type)} type mounts`);
  }
  if (mount.sharing && type !== 'cache') throw fault(`invalid cache sharing set for ${type} mount`);
  if (type === 'secret') checkSecret(mount);
  return { ...mount, readOnly: readOnlyGiven ? mount.readOnly : type !== 'cache' && type !== 'tmpfs' };
}

function checkSecret(mount: RunMount): void {
  if (mount.from) throw fault('secret mount should not have a from');
  if (!mount.source && !mount.target && !mount.id) {
    throw fault('invalid secret mount. one of source, target required');
  }
  if (mount.source && mount.id) throw fault("both source and id can't be set");
}
