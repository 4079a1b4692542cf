import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Filters } from '../wire/index.ts';
import type { Session } from './session.ts';

/** The conditions of a prune with the ones that the user keeps in `config.json` (`pruneFilters`) for every prune. */
export function pruneFilters({ configDir }: Session, given: Filters): Filters {
  const out: Record<string, readonly string[]> = { ...given };
  for (const condition of savedConditions(configDir)) {
    const at = condition.indexOf('=');
    if (at === -1) continue;
    const [name, value] = [condition.slice(0, at), condition.slice(at + 1)];
    if (contradicted(given, name, value)) continue;
    out[name] = [...(out[name] ?? []), value];
  }
  return out;
}

/** A label that is asked for on the command line wins over its opposite in the file. */
function contradicted(given: Filters, name: string, value: string): boolean {
  if (name === 'label') return given['label!']?.includes(value) ?? false;
  return name === 'label!' && (given['label']?.includes(value) ?? false);
}

function savedConditions(configDir: string): readonly string[] {
  try {
    const { pruneFilters: saved } = JSON.parse(readFileSync(join(configDir, 'config.json'), 'utf8')) as {
      pruneFilters?: unknown;
    };
    return Array.isArray(saved) ? saved.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}
