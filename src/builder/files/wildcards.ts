import { closeSync } from 'node:fs';
import { matchPattern } from '../../dockerfile/index.ts';
import type { Tree } from './tree.ts';

/** Splits a cleaned path before its first component that holds a pattern; `pattern` is empty where none does. */
export function splitWildcards(path: string): { readonly fixed: string; readonly pattern: string } {
  const parts = path.split('/').filter((part) => part !== '');
  const first = parts.findIndex(hasWildcard);
  if (first < 0) return { fixed: `/${parts.join('/')}`, pattern: '' };
  return { fixed: `/${parts.slice(0, first).join('/')}`, pattern: parts.slice(first).join('/') };
}

function hasWildcard(name: string): boolean {
  return /[*?[]/.test(name.replace(/\\./gs, ''));
}

/** Paths below `base` that match, in the order of a walk; a matching folder is not looked into. */
export function expandWildcards(tree: Tree, base: string, pattern: string): string[] {
  const out: string[] = [];
  const components = pattern.split('/');
  // Syntax errors are told even where there is nothing to match.
  for (const component of components) matchPattern(component, '');
  const search = (folder: string, depth: number) => {
    const fd = tree.openFolder(folder);
    try {
      for (const { name, isFolder, hidden } of tree.list(folder, fd)) {
        if (!matchPattern(components[depth]!, name)) continue;
        const path = folder === '' ? name : `${folder}/${name}`;
        if (depth + 1 < components.length) {
          if (isFolder) search(path, depth + 1);
        } else if (!hidden || tree.resolve(path, false) !== undefined) out.push(path);
      }
    } finally {
      closeSync(fd);
    }
  };
  search(base, 0);
  return out;
}
