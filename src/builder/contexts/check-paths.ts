import { type Dockerfile, type TextRange, withExcerpt } from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';
import { quotedName } from '../../sys/index.ts';
import type { Workshop } from '../ops/workshop.ts';

/**
 * Refuses a build whose instructions name a path that the context does not have, before any step runs: a typo in the
 * last COPY must not be told after the compiler ran for ten minutes.
 */
export async function checkContextPaths(
  shop: Workshop,
  signal: AbortSignal,
  dockerfile: Dockerfile,
  wanted: readonly { readonly path: string; readonly range: TextRange }[],
  context: { readonly dir: string; readonly label: string; readonly ignore: string | undefined },
): Promise<void> {
  if (wanted.length === 0) return;
  const { dir, label, ignore } = context;
  const source = { root: dir, resetOwner: true, ...(ignore !== undefined && { ignore }) };
  const paths = wanted.map(({ path }) => path);
  const missing = await shop.files.run({ kind: 'missing', source, paths }, { signal });
  if (!missing) return;
  const { path, rule } = missing;
  const range = wanted.findLast((one) => one.path === path)!.range;
  const message = `failed to compute cache key: failed to calculate checksum of ref ${label}: ${quotedName(path)}: not found`;
  throw new StrataError('not_found', message, {
    code: 'source_not_found',
    location: withExcerpt(range, dockerfile.lines),
    ...(rule !== undefined && { hint: hiddenHint(path, rule, ignore ?? '') }),
  });
}

function hiddenHint(path: string, rule: string, ignore: string): string {
  const line = ignore
    .split(/\r?\n/)
    .findLastIndex((text) => text.trim().replace(/^\//, '').replace(/\/$/, '') === rule);
  const where = line < 0 ? '' : ` (line ${line + 1})`;
  return `${path.slice(1)} is in the context, but .dockerignore hides it with ${JSON.stringify(rule)}${where}`;
}
