import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StrataError } from '../../errors/index.ts';
import { bytesOfName, kernelPath } from '../../sys/index.ts';
import type { SourceTree } from '../files/jobs.ts';
import type { Workshop } from './workshop.ts';

/** Runs `use` with a tree that holds one file (0644, root's), the content of a heredoc: bytes, as names are. */
export async function writeInlineTree<T>(
  shop: Workshop,
  file: { readonly name: string; readonly data: string; readonly mode?: number },
  use: (source: SourceTree) => Promise<T>,
): Promise<T> {
  if (file.name === '' || file.name === '.' || file.name === '..' || file.name.includes('/')) {
    throw new StrataError('invalid_argument', `invalid name of an inline file: ${JSON.stringify(file.name)}`);
  }
  const root = await mkdtemp(join(shop.trees, 'inline-'));
  try {
    await writeFile(kernelPath(join(root, file.name)), bytesOfName(file.data), {
      mode: file.mode ?? 0o644,
      flag: 'wx',
    });
    return await use({ root, resetOwner: true });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
