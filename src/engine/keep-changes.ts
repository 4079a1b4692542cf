import { join } from 'node:path';
import { readdirSync, rmdirSync, unlinkSync } from '../sys/index.ts';

/**
 * Takes away of a copied layer what is no change of the container's: files that the engine put there for its own mounts
 * while the container runs. Nobody else writes to the copy. False when nothing is left.
 */
export function keepChanges(folder: string, changes: readonly { readonly path: string }[]): boolean {
  const kept = new Set(changes.map(({ path }) => path));
  keep('');
  return readdirSync(folder).length > 0;

  function keep(path: string): void {
    for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
      const at = `${path}/${entry.name}`;
      if (entry.isDirectory()) keep(at);
      if (kept.has(at)) continue;
      if (!entry.isDirectory()) unlinkSync(join(folder, at));
      else if (readdirSync(join(folder, at)).length === 0) rmdirSync(join(folder, at));
    }
  }
}
