import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../../errors/index.ts';
import { invalid } from './invalid.ts';

export interface Security {
  readonly options: string[];
  /** Paths of the container that are hidden; null for none, undefined for the usual ones. */
  readonly masked?: null | [];
  readonly readonly?: null | [];
}

/** Reads `--security-opt`; a seccomp profile in a file travels as its content. */
export function parseSecurity(specs: readonly string[], cwd: string): Security {
  const unconfined = specs.includes('systempaths=unconfined');
  const options = specs
    .filter((spec) => spec !== 'systempaths=unconfined')
    .map((spec) => {
      const [, name = '', value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(spec) ?? [];
      if (value === undefined && name !== 'no-new-privileges')
        throw invalid(`Invalid --security-opt: ${JSON.stringify(spec)}`);
      if (name !== 'seccomp' || value === 'unconfined' || value === 'builtin') return spec;
      return `seccomp=${readProfile(value!, cwd)}`;
    });
  return { options, ...(unconfined && { masked: [] as [], readonly: [] as [] }) };
}

function readProfile(file: string, cwd: string): string {
  try {
    return JSON.stringify(JSON.parse(readFileSync(resolve(cwd, file), 'utf8')));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw invalid(
      `opening seccomp profile (${file}) failed: ${missing ? `open ${file}: no such file or directory` : messageOf(error)}`,
    );
  }
}
