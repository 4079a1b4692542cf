import { createWriteStream, existsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { BuildRequest, ContextSource, NamedContext } from '../../build/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { Session } from '../session.ts';

type Context = Pick<BuildRequest, 'context' | 'dockerfile'>;

/** What of a build's context lies in a temporary file, to be removed after the build. */
export interface PreparedContext {
  readonly request: Context;
  cleanUp(): Promise<void>;
}

const isUrl = (text: string) =>
  /^(https?|git|ssh):\/\//.test(text) || /^git@/.test(text) || /\.git(#|$)/.test(text) || /^github\.com\//.test(text);

/** The context argument and `-f` in the builder's terms. Standard input is spooled to a file: the daemon reads files only. */
export async function prepareContext(argument: string, file: string, session: Session): Promise<PreparedContext> {
  if (argument === '-' && file === '-')
    throw new StrataError(
      'invalid_argument',
      "invalid argument: can't use stdin for both build context and dockerfile",
    );
  if (argument === '-') {
    const spooled = await spool(session);
    const dockerfile = file === '' ? {} : { dockerfile: { path: file } };
    return { request: { context: { kind: 'file', path: spooled.path }, ...dockerfile }, cleanUp: spooled.cleanUp };
  }
  const context: ContextSource =
    isUrl(argument) && !existsSync(resolve(session.cwd, argument))
      ? { kind: 'url', url: argument }
      : localContext(argument, session.cwd);
  if (file === '-') {
    const text = await textOf(session);
    return { request: { context, dockerfile: { text } }, cleanUp: async () => {} };
  }
  return { request: { context, ...dockerfileOf(file, context, session.cwd) }, cleanUp: async () => {} };
}

function localContext(argument: string, cwd: string): ContextSource {
  const dir = resolve(cwd, argument);
  const stat = statSync(dir, { throwIfNoEntry: false });
  if (!stat)
    throw new StrataError('not_found', `unable to prepare context: path ${JSON.stringify(argument)} not found`, {
      code: 'context_not_found',
    });
  if (!stat.isDirectory())
    throw new StrataError('invalid_argument', `unable to prepare context: context must be a directory: ${dir}`, {
      code: 'context_not_found',
      hint: `to build with this file, use: strata build -f ${argument} FOLDER`,
    });
  return { kind: 'local', dir };
}

/** `-f` is relative to the caller's folder; one inside the context is named relative to it, so that messages are short. */
function dockerfileOf(file: string, context: ContextSource, cwd: string): Pick<BuildRequest, 'dockerfile'> {
  if (file === '') return {};
  if (context.kind !== 'local') return { dockerfile: { path: file } };
  const path = resolve(cwd, file);
  const inContext = path.startsWith(`${context.dir}/`) ? path.slice(context.dir.length + 1) : undefined;
  if (!existsSync(path)) {
    // As docker: what is not there relative to the caller may be there relative to the context.
    if (existsSync(join(context.dir, file))) return { dockerfile: { path: file } };
    throw new StrataError('not_found', `failed to read dockerfile: open ${file}: no such file or directory`, {
      code: 'dockerfile_not_found',
      hint: 'name it with -f',
    });
  }
  return { dockerfile: { path: inContext ?? path } };
}

async function spool(session: Session): Promise<{ readonly path: string; cleanUp(): Promise<void> }> {
  if (session.stdin.isTTY)
    throw new StrataError(
      'invalid_argument',
      'standard input is a terminal: pipe a Dockerfile or an archive into the command',
    );
  const dir = await mkdtemp(join(tmpdir(), 'strata-context-'));
  const path = join(dir, 'context');
  const cleanUp = () => rm(dir, { recursive: true, force: true });
  try {
    await pipeline(session.stdin, createWriteStream(path, { mode: 0o600 }));
    return { path, cleanUp };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

async function textOf(session: Session): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of session.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

/** `--build-context name=value`. */
export function namedContext(value: string, cwd: string): NamedContext {
  if (value.startsWith('docker-image://')) return { kind: 'image', name: value.slice('docker-image://'.length) };
  if (value.startsWith('target:')) return { kind: 'target', name: value.slice('target:'.length) };
  if (value.startsWith('oci-layout://')) {
    const text = value.slice('oci-layout://'.length);
    const at = text.search(/@|:(?=[^/]*$)/);
    const dir = resolve(cwd, at < 0 ? text : text.slice(0, at));
    return { kind: 'oci-layout', dir, ...(at >= 0 && { reference: text.slice(at + (text[at] === ':' ? 1 : 0)) }) };
  }
  return isUrl(value) ? { kind: 'url', url: value } : localContext(value, cwd);
}
