/** The text of a `-v`: `[source:]target[:mode]`, in Docker's words where it is none. */
import { isAbsolute } from 'node:path';
import { StrataError } from '../../errors/index.ts';
import { cleanPath } from '../../runtime/index.ts';
import { propagations, targetProblem } from './mount-checks.ts';

export interface Bind {
  readonly type: 'bind' | 'volume';
  /** A path of the host, or the name of a volume; absent for a volume without a name. */
  readonly source?: string;
  /** Absolute and clean. */
  readonly target: string;
  readonly mode: string;
  readonly writable: boolean;
  /** Empty where none is asked for. */
  readonly propagation: string;
  readonly noCopy: boolean;
}

/** Throws `invalid_argument`. */
export function parseBind(text: string): Bind {
  const parts = text.split(':');
  const [first = '', second, mode = ''] = parts;
  if (first === '' || parts.length > 3 || (parts.length === 2 && isMode(second!))) throw invalid(text);
  if (!isMode(mode)) throw invalidMode(mode);
  const target = second ?? first;
  const source = second === undefined ? undefined : first;
  const type = source !== undefined && isAbsolute(source) ? 'bind' : 'volume';
  const words = mode.split(',');
  const propagation = words.find((word) => propagations.includes(word)) ?? '';
  const noCopy = words.includes('nocopy');
  const problem =
    targetProblem(target) ??
    (type === 'bind' && noCopy ? 'field VolumeOptions must not be specified' : undefined) ??
    (type === 'volume' && propagation ? 'field BindOptions must not be specified' : undefined);
  if (problem !== undefined) throw invalid(text, `: invalid mount config for type "${type}": ${problem}`);
  return {
    type,
    ...(source !== undefined && { source: type === 'bind' ? cleanPath(source) : source }),
    target: cleanPath(target),
    mode,
    writable: !words.includes('ro'),
    propagation,
    noCopy,
  };
}

/** The text of a `--volumes-from`: `container[:mode]`. Throws `invalid_argument`. */
export function parseVolumesFrom(text: string): { readonly container: string; readonly writable: boolean } {
  if (text === '') throw new StrataError('invalid_argument', 'volumes-from specification cannot be an empty string');
  const colon = text.indexOf(':');
  const [container, mode] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  const words = mode.split(',');
  if (!isMode(mode) || words.some((word) => word === 'nocopy' || propagations.includes(word))) throw invalidMode(mode);
  return { container, writable: !words.includes('ro') };
}

/** Of each kind at most one. */
const modes = [['rw', 'ro'], ['z', 'Z'], propagations, ['nocopy'], ['consistent', 'cached', 'delegated']];

function isMode(text: string): boolean {
  if (text === '') return true;
  const words = text.split(',');
  return (
    words.every((word) => modes.some((kind) => kind.includes(word))) &&
    modes.every((kind) => words.filter((word) => kind.includes(word)).length <= 1)
  );
}

function invalid(text: string, why = ''): StrataError {
  return new StrataError('invalid_argument', `invalid volume specification: '${text}'${why}`, {
    code: 'invalid_volume',
    hint: 'SOURCE:DESTINATION[:ro]',
  });
}

function invalidMode(mode: string): StrataError {
  return new StrataError('invalid_argument', `invalid mode: ${mode}`, { code: 'invalid_volume' });
}
