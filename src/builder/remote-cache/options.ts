import { StrataError } from '../../errors/index.ts';
import type { BuildRequest } from '../../wire/index.ts';

export type CacheOptions = Readonly<Record<string, string>>;

const importers: Readonly<Record<string, string>> = { local: 'src', registry: 'ref' };
const exporters: Readonly<Record<string, string>> = { local: 'dest', registry: 'ref', inline: '' };

/** Refuses caches that cannot be, before anything is built. */
export function checkCacheOptions({ cacheFrom = [], cacheTo = [] }: BuildRequest): void {
  for (const from of cacheFrom) check(from, importers, 'importer');
  for (const to of cacheTo) {
    check(to, exporters, 'exporter');
    const { mode = 'min' } = to;
    if (mode !== 'min' && mode !== 'max') {
      throw new StrataError('invalid_argument', `invalid cache export mode: ${mode}`, {
        hint: 'min keeps the last stage, max every stage',
      });
    }
  }
}

function check(options: CacheOptions, types: Readonly<Record<string, string>>, what: string): void {
  const { type = 'registry' } = options;
  const needed = Object.hasOwn(types, type) ? types[type] : undefined;
  if (needed === undefined) {
    throw new StrataError('invalid_argument', `unknown cache ${what}: ${JSON.stringify(type)}`, {
      code: 'unknown_cache',
      hint: `the types are ${Object.keys(types).join(', ')}`,
    });
  }
  if (needed !== '' && !options[needed]) {
    throw new StrataError('invalid_argument', `${type} cache ${what} requires ${needed}`, { code: 'incomplete_cache' });
  }
}
