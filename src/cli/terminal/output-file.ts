import { once } from 'node:events';
import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StrataError } from '../../errors/index.ts';
import type { Session } from '../session.ts';

/** Writes bytes to a file, which is there only when it is whole; without a name to stdout, which must be no terminal. */
export async function writeOutput(
  { stdout }: Session,
  path: string,
  source: () => Promise<AsyncIterable<Uint8Array>>,
  what: 'save' | 'export',
): Promise<void> {
  if (path === '') {
    if (stdout.isTTY) {
      throw new StrataError(
        'invalid_argument',
        'cowardly refusing to save to a terminal. Use the -o flag or redirect',
        {
          code: 'terminal_output',
        },
      );
    }
    for await (const chunk of await source()) {
      stdout.write(chunk);
      await stdout.drained();
    }
    return;
  }
  assertWritable(path, what);
  if (existsSync(path) && !statSync(path).isFile()) return await pour(path, await source());
  const part = `${path}.${process.pid}.part`;
  try {
    await pour(part, await source());
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function assertWritable(path: string, what: string): void {
  const folder = dirname(path);
  const problem = !existsSync(folder)
    ? `invalid output path: stat ${folder}: no such file or directory`
    : existsSync(path) && statSync(path).isDirectory()
      ? `invalid output path: ${JSON.stringify(path)} must be a regular file`
      : undefined;
  if (problem)
    throw new StrataError(
      'invalid_argument',
      `failed to ${what} image: ${problem}`.replace('export image', 'export container'),
      { code: 'bad_output' },
    );
}

async function pour(path: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  const file = createWriteStream(path, { mode: 0o600 });
  await once(file, 'open');
  try {
    for await (const chunk of source) if (!file.write(chunk)) await once(file, 'drain');
  } finally {
    file.end();
    await once(file, 'close');
  }
}
