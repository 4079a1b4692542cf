import { readFile } from 'node:fs/promises';
import { basename, isAbsolute } from 'node:path';
import { messageOf, StrataError } from '../../errors/index.ts';
import { isErrno, nameOf, readFileInRoot } from '../../sys/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import { readableText } from './foreign-bytes.ts';
import type { OpenContext } from './open-context.ts';

/** Longest Dockerfile and .dockerignore, bytes. */
const limit = 16 << 20;

export interface ReadDockerfile {
  readonly name: string;
  readonly text: string;
  /** What the reading has to say. */
  readonly warnings: readonly string[];
  /** Text of the .dockerignore that goes with it. */
  readonly ignore: string | undefined;
}

/** The Dockerfile of a request and its .dockerignore: the one named after the Dockerfile, else the context's. */
export async function readDockerfile(request: BuildRequest, context: OpenContext): Promise<ReadDockerfile> {
  const { name, text, ignore } = await readTexts(request, context);
  return { name, ignore, ...readableText(text, name) };
}

/** As names are: bytes that are no UTF-8 are still there. */
async function readTexts(request: BuildRequest, context: OpenContext): Promise<Omit<ReadDockerfile, 'warnings'>> {
  const given = request.dockerfile;
  if (given && 'text' in given) {
    return { name: given.name ?? 'Dockerfile', text: given.text, ignore: readOptional(context.dir, '.dockerignore') };
  }
  const path = given?.path ?? 'Dockerfile';
  if (isAbsolute(path)) {
    const ignore = (await readOutside(`${path}.dockerignore`)) ?? readOptional(context.dir, '.dockerignore');
    const text = await readOutside(path);
    if (text === undefined) throw missing(path);
    const inside = path.startsWith(`${context.dir}/`) ? path.slice(context.dir.length + 1) : basename(path);
    return { name: inside, text, ignore };
  }
  const { whole = context.dir } = context;
  const text = readOptional(whole, path) ?? (path === 'Dockerfile' ? readOptional(whole, 'dockerfile') : undefined);
  if (text === undefined) throw missing(path);
  const ignore = readOptional(whole, `${path}.dockerignore`) ?? readOptional(context.dir, '.dockerignore');
  return { name: path, text, ignore };
}

/** The ignore file of a named context. */
export function readIgnore(dir: string): string | undefined {
  return readOptional(dir, '.dockerignore');
}

function missing(path: string): StrataError {
  return new StrataError('not_found', `failed to read dockerfile: open ${basename(path)}: no such file or directory`, {
    code: 'dockerfile_not_found',
    hint: 'name it with --file, relative to the context',
  });
}

/** Links are followed inside the context only. */
function readOptional(dir: string, path: string): string | undefined {
  try {
    return nameOf(readFileInRoot(dir, path, limit));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw unreadable(path, error);
  }
}

async function readOutside(path: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > limit) throw new Error('the file is too large');
    return nameOf(bytes);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): StrataError {
  const why = isErrno(cause, 'EISDIR')
    ? `read ${basename(path)}: is a directory`
    : `${basename(path)}: ${messageOf(cause)}`;
  return new StrataError('invalid_argument', `failed to read dockerfile: ${why}`, {
    cause,
  });
}
