import { createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { nameOf, statSync } from '../../sys/index.ts';
import type { BuildRequest, ContextSource } from '../../wire/index.ts';
import type { Session } from '../session.ts';
import { fault } from './fault.ts';

export interface Sources {
  readonly context: ContextSource;
  readonly dockerfile?: NonNullable<BuildRequest['dockerfile']>;
  /** The Dockerfile from where the user stands. */
  readonly shownName?: string;
  /** Removes what was put aside for the build. */
  dispose(): void;
}

/** Most bytes of a Dockerfile that comes through stdin. */
const maxDockerfile = 16 * 1024 * 1024;

/** What `PATH | URL | -` and `--file` mean. Stdin is put aside in a file: the daemon reads it from there. */
export async function readSources(session: Session, given: string, file: string): Promise<Sources> {
  if (given === '-') {
    if (file === '-') throw fault("invalid argument: can't use stdin for both build context and dockerfile");
    const spooled = await spool(session);
    return { ...spooled, ...(file !== '' && { dockerfile: { path: file } }) };
  }
  const context = sourceOf(given, session.cwd);
  const keep = () => {};
  if (file === '') return { context, shownName: shownInside(context, given), dispose: keep };
  if (file === '-')
    return { context, dockerfile: { text: await readText(session), name: 'Dockerfile' }, dispose: keep };
  const path = dockerfilePath(file, context, session.cwd);
  return { context, dockerfile: { path }, shownName: file, dispose: keep };
}

function shownInside(context: ContextSource, given: string): string {
  return context.kind === 'local' ? join(given, 'Dockerfile') : 'Dockerfile';
}

/** A folder, or an address that the daemon fetches. */
export function sourceOf(given: string, cwd: string): ContextSource {
  if (isAddress(given)) return { kind: 'url', url: given };
  const dir = resolve(cwd, given);
  const found = statSync(dir, { throwIfNoEntry: false });
  if (found?.isDirectory()) return { kind: 'local', dir };
  if (/^github\.com\//.test(given)) return { kind: 'url', url: given };
  if (!found) throw fault(`unable to prepare context: path ${JSON.stringify(given)} not found`);
  throw fault(`unable to prepare context: path ${JSON.stringify(given)} must be a directory`);
}

export function isAddress(text: string): boolean {
  return /^(https?|git|ssh):\/\//.test(text) || /^[\w.-]+@[\w.-]+:/.test(text);
}

/**
 * `--file` is relative to where the user stands. Inside the context it is named from there, so that messages show the
 * short name; a name that only the context knows is taken from it.
 */
function dockerfilePath(file: string, context: ContextSource, cwd: string): string {
  if (context.kind !== 'local') return file;
  const path = resolve(cwd, file);
  if (!existsSync(path) && !isAbsolute(file) && existsSync(join(context.dir, file))) return file;
  const inside = relative(context.dir, path);
  return inside.startsWith('..') || isAbsolute(inside) ? path : inside;
}

async function spool({ stdin }: Session): Promise<Sources> {
  if (stdin.isTTY) throw fault('invalid argument: stdin is a terminal, pipe a Dockerfile or an archive to it');
  const folder = mkdtempSync(join(tmpdir(), 'strata-context-'));
  const path = join(folder, 'context');
  const dispose = () => rmSync(folder, { recursive: true, force: true });
  try {
    await pipeline(stdin, createWriteStream(path, { mode: 0o600 }));
  } catch (error) {
    dispose();
    throw error;
  }
  return { context: { kind: 'file', path }, dispose };
}

async function readText({ stdin }: Session): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxDockerfile) throw fault('the Dockerfile is too large');
    chunks.push(Buffer.from(chunk));
  }
  return nameOf(Buffer.concat(chunks));
}
