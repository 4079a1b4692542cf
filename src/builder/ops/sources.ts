import type { SourceTree } from '../files/jobs.ts';
import { rootOf, type Value } from '../value.ts';
import { withMount } from './root-step.ts';
import type { Workshop } from './workshop.ts';

/** Runs `use` with the files of a value readable as a tree. */
export function withSource<T>(shop: Workshop, value: Value, use: (source: SourceTree) => Promise<T>): Promise<T> {
  if (value.kind === 'tree') return use(value.source);
  return withMount(shop, rootOf(value).snapshot, (root) => use({ root, resetOwner: false }));
}
