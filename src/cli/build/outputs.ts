import { resolve } from 'node:path';
import type { OutputSpec } from '../../build/index.ts';
import { StrataError } from '../../errors/index.ts';
import { csvFields } from './key-values.ts';

const types = ['image', 'local', 'tar', 'oci', 'docker', 'registry', 'cacheonly'] as const;

/** `--output type=…,dest=…,…`; a path alone is a local folder, `-` a tar on standard output. */
export function parseOutput(text: string, cwd: string): OutputSpec {
  if (text === '-') return { type: 'tar', dest: '-', attributes: {} };
  if (!text.includes('=')) return { type: 'local', dest: resolve(cwd, text), attributes: {} };
  const { type, dest, ...attributes } = csvFields(text, 'output');
  if (!types.includes(type as never))
    throw new StrataError('invalid_argument', `invalid output type ${JSON.stringify(type ?? '')}`, {
      hint: `one of: ${types.join(', ')}`,
    });
  return {
    type: type as OutputSpec['type'],
    ...(dest !== undefined && { dest: dest === '-' ? '-' : resolve(cwd, dest) }),
    attributes,
  };
}
