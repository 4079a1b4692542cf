import { isAbsolute, resolve } from 'node:path';
import { invalid } from './invalid.ts';

export interface Volumes {
  /** `source:target[:mode]` */
  readonly binds: string[];
  /** Anonymous volumes by their target. */
  readonly anonymous: Record<string, object>;
}

/** Reads `--volume`. A source that starts with a dot is a path from where the user stands. */
export function parseVolumes(specs: readonly string[], cwd: string): Volumes {
  const binds: string[] = [];
  const anonymous: Record<string, object> = {};
  for (const spec of specs) {
    const parts = spec.split(':');
    if (parts.length > 3) throw invalid(`invalid spec: ${spec}: too many colons`);
    if (parts.length === 1) {
      anonymous[spec] = {};
      continue;
    }
    const [source, ...rest] = parts as [string, ...string[]];
    if (source === '') throw invalid(`invalid spec: ${spec}: empty section between colons`);
    const relative = source === '.' || source === '..' || /^\.\.?\//.test(source);
    binds.push([relative && !isAbsolute(source) ? resolve(cwd, source) : source, ...rest].join(':'));
  }
  return { binds, anonymous };
}

/** Reads `--tmpfs`: a target, and options after a colon. */
export function parseTmpfs(specs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    specs.map((spec) => {
      const colon = spec.indexOf(':');
      return colon === -1 ? [spec, ''] : [spec.slice(0, colon), spec.slice(colon + 1)];
    }),
  );
}
