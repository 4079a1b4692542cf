import { createReadStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { StrataError } from '../../errors/index.ts';
import { isArchiveFile } from '../../layer/index.ts';
import { realpathSync, statSync } from '../../sys/index.ts';
import type { ContextSource } from '../../wire/index.ts';
import { folderInside } from '../ops/folder-inside.ts';
import type { Workshop } from '../ops/workshop.ts';
import type { Work } from '../solver/vertex.ts';
import { isGitUrl } from '../sources/classify.ts';
import { checkout, type GitSecrets } from '../sources/git.ts';
import { httpOp } from '../sources/http.ts';
import { splitCredentials } from '../sources/url-credentials.ts';

/** A context as a folder on this machine. */
export interface OpenContext {
  readonly dir: string;
  /** Where the Dockerfile is looked for, if that is not the context itself. */
  readonly whole?: string;
  /** As errors and step names call it. */
  readonly label: string;
  close(): Promise<void>;
}

/** For contexts that are repositories. */
export interface GitOptions {
  readonly secrets?: GitSecrets;
  /** Default false. */
  readonly keepGitDir?: boolean;
}

/** Makes the files of a context available; archives, downloads and checkouts go to a folder that `close` removes. */
export async function openContext(
  shop: Workshop,
  source: ContextSource,
  work: Work,
  git: GitOptions = {},
): Promise<OpenContext> {
  switch (source.kind) {
    case 'local':
      return localContext(source.dir, source.label);
    case 'empty':
      return ownFolder(shop, 'empty', async () => undefined);
    case 'file':
      return scoped(await fileContext(shop, source.path, source.remove ?? false, work), source.subdir);
    case 'url':
      return scoped(await urlContext(shop, source.url, work, git), source.subdir);
  }
}

/** The context without what is beside `subdir`. */
async function scoped(context: OpenContext, subdir = ''): Promise<OpenContext> {
  if (subdir === '') return context;
  try {
    if (/^\.\.(\/|$)/.test(posix.normalize(subdir.replace(/^\/+/, ''))))
      throw new StrataError('invalid_argument', `failed to lookup subdir: subdir ${subdir} leads out of the context`);
    return { ...context, dir: folderInside(context.dir, subdir, 'context'), whole: context.dir };
  } catch (error) {
    await context.close();
    throw error;
  }
}

function urlContext(shop: Workshop, url: string, work: Work, git: GitOptions): Promise<OpenContext> {
  // The one host that needs no scheme; with one and without .git it is a download.
  if (/^github\.com\//.test(url)) return gitContext(shop, `https://${url}`, work, git);
  return isGitUrl(url) ? gitContext(shop, url, work, git) : httpContext(shop, url, work);
}

async function localContext(dir: string, label?: string): Promise<OpenContext> {
  let path: string;
  try {
    path = realpathSync(dir);
    if (!statSync(path).isDirectory()) throw new Error('not a directory');
  } catch (cause) {
    throw new StrataError('not_found', `unable to prepare context: path ${JSON.stringify(dir)} not found`, {
      code: 'context_not_found',
      cause,
    });
  }
  return { dir: path, label: label ?? path, close: async () => undefined };
}

async function ownFolder(shop: Workshop, label: string, fill: (dir: string) => Promise<unknown>): Promise<OpenContext> {
  const dir = await mkdtemp(join(shop.trees, 'context-'));
  const close = () => rm(dir, { recursive: true, force: true });
  try {
    await fill(dir);
    return { dir, label, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function fileContext(shop: Workshop, file: string, remove: boolean, work: Work): Promise<OpenContext> {
  try {
    return await ownFolder(shop, 'context', (dir) => unpackOrKeep(shop, file, dir, work));
  } finally {
    if (remove) await rm(file, { force: true });
  }
}

/** An archive is taken apart; any other file is taken for the Dockerfile itself. */
async function unpackOrKeep(shop: Workshop, file: string, dir: string, work: Work): Promise<void> {
  if (await isArchiveFile(file)) {
    const { signal } = work;
    await shop.layers.extract(createReadStream(file), dir, { compression: 'detect', target: '/', signal });
  } else await copyFile(file, join(dir, 'Dockerfile'));
}

async function httpContext(shop: Workshop, url: string, work: Work): Promise<OpenContext> {
  const filename = 'context';
  const op = httpOp(shop, { url, filename });
  const { result } = await download(op, work);
  if (result.kind !== 'tree') throw new Error('a download is a tree');
  const file = join(result.source.root, filename);
  return ownFolder(shop, splitCredentials(url).bare, (dir) => unpackOrKeep(shop, file, dir, work));
}

async function download(op: ReturnType<typeof httpOp>, work: Work) {
  try {
    return (await op.lookup([], work)) ?? (await op.run([], { ...work, turn: (use) => use() }));
  } catch (error) {
    if (!(error instanceof StrataError) || error.kind === 'cancelled') throw error;
    const { kind, message, code, hint } = error;
    throw new StrataError(kind, `failed to read downloaded context: ${message}`, {
      code,
      cause: error,
      ...(hint !== undefined && { hint }),
    });
  }
}

async function gitContext(
  shop: Workshop,
  url: string,
  work: Work,
  { secrets, keepGitDir = false }: GitOptions,
): Promise<OpenContext> {
  await mkdir(shop.trees, { recursive: true });
  const { root, folder } = await checkout(shop, { url, keepGitDir }, work, secrets);
  return { dir: root, label: splitCredentials(url).bare, close: () => rm(folder, { recursive: true, force: true }) };
}
