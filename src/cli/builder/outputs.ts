import { resolve } from 'node:path';
import type { OutputSpec } from '../../wire/index.ts';
import { csvFields } from '../flags/csv.ts';
import { fault } from './fault.ts';

const types = ['image', 'local', 'tar', 'oci', 'docker', 'registry', 'cacheonly'] as const;

/** An output; `toStdout` marks one whose archive is to be written to this process's output. */
export interface Output extends OutputSpec {
  readonly toStdout?: boolean;
}

/** Reads `--output`: a folder, `-` for an archive to stdout, or `type=…,dest=…`. */
export function readOutputs(specs: readonly string[], cwd: string): Output[] {
  return specs.map((spec) => {
    if (spec === '-') return { type: 'tar', attributes: {}, toStdout: true };
    if (!spec.includes('=')) return { type: 'local', dest: resolve(cwd, spec), attributes: {} };
    const { type, dest, ...attributes } = fieldsOf(spec, 'output');
    if (type === undefined) throw fault('type is required for output');
    if (!isType(type)) throw fault(`unknown output type ${JSON.stringify(type)}`);
    if (type === 'local' && (dest === undefined || dest === '-')) {
      throw fault(dest === '-' ? 'dest cannot be stdout for local exporter' : 'dest is required for local exporter');
    }
    if ((type === 'tar' || type === 'oci') && (dest === undefined || dest === '-'))
      return { type, attributes, toStdout: true };
    if (type === 'docker' && dest === '-') return { type, attributes, toStdout: true };
    return { type, attributes, ...(dest !== undefined && { dest: resolve(cwd, dest) }) };
  });
}

function isType(type: string): type is OutputSpec['type'] {
  return (types as readonly string[]).includes(type);
}

/** Reads `--cache-from` and `--cache-to`: a reference alone is a registry. */
export function readCaches(specs: readonly string[], cwd: string): Record<string, string>[] {
  return specs.map((spec) => {
    if (!spec.includes('=')) return { type: 'registry', ref: spec };
    const fields = fieldsOf(spec, 'cache');
    for (const key of ['src', 'dest']) if (fields[key] !== undefined) fields[key] = resolve(cwd, fields[key]);
    if (fields['type'] === undefined) throw fault(`type required form> ${JSON.stringify(spec)}`);
    return fields;
  });
}

function fieldsOf(spec: string, what: string): Record<string, string> {
  return Object.fromEntries(
    csvFields(spec).map((field) => {
      const at = field.indexOf('=');
      if (at === -1) throw fault(`invalid ${what} value ${field}: must be key=value`);
      return [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1)];
    }),
  );
}
