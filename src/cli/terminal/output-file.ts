import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { diskFullText, StrataError } from '../../errors/index.ts';
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
  if (existsSync(path) && !statSync(path).isFile()) return await pour(path, path, await source());
  const part = `${path}.${process.pid}.part`;
  try {
    await pour(part, path, await source());
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

/** `shown` is the name that the user gave. */
async function pour(file: string, shown: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await pipeline(source, createWriteStream(file, { mode: 0o600 }));
  } catch (cause) {
    const full = diskFullText(cause);
    throw full === undefined
      ? cause
      : new StrataError('unavailable', `write ${shown}: ${full}`, { code: 'no_space', cause });
  }
}
