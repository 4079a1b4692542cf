import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BuildRequest, ContextSource, NamedContext } from '../build/index.ts';
import { readIgnoreFile } from '../dockerfile/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Layers } from '../layer/index.ts';
import type { Asked } from './attributes.ts';
import { receiveFiles } from './receive-files.ts';
import { openCall } from './rpc-client.ts';
import type { ClientSession } from './session.ts';
import { Upload } from './wire/upload_pb.ts';

export interface Contexts {
  readonly request: Pick<BuildRequest, 'context' | 'dockerfile' | 'namedContexts'>;
  /** Text of the Dockerfile where it came from the client. */
  readonly dockerfile: string | undefined;
}

/** Where files of one build come to: `folder` is the build's own, empty. */
export interface ContextParts {
  readonly layers: Pick<Layers, 'extract'>;
  readonly folder: string;
  /** A folder that may hold what the client sent last under this name. */
  readonly keep: (name: string) => Promise<string>;
  readonly session: ClientSession;
  readonly signal: AbortSignal;
  readonly progress: (what: string, bytes: number, done: boolean) => void;
}

/** A context that the client uploads by itself: a tar from its standard input. */
const upload = /^https?:\/\/buildkit-session\//;

/** Fetches from the client what the build is to read: the Dockerfile first, since its ignore file says what else. */
export async function fetchContexts(
  parts: ContextParts,
  { options, inputs = {} }: Pick<Asked, 'options' | 'inputs'>,
): Promise<Contexts> {
  const remote = options['context'];
  const fromClient = remote === undefined || options['dockerfilekey'] !== undefined;
  const filename = options['filename'] || 'Dockerfile';
  const dockerfile = fromClient
    ? await fetchDockerfile(parts, options['dockerfilekey'] ?? 'dockerfile', filename)
    : undefined;
  const context = await mainContext(parts, options, dockerfile?.ignore);
  const namedContexts = await fetchNamedContexts(parts, options, inputs);
  return {
    request: {
      context,
      dockerfile: { path: dockerfile?.path ?? filename },
      ...(Object.keys(namedContexts).length > 0 && { namedContexts }),
    },
    dockerfile: dockerfile && (await text(dockerfile.path)),
  };
}

async function fetchDockerfile(parts: ContextParts, name: string, filename: string) {
  const dir = join(parts.folder, 'dockerfile');
  await mkdir(dir);
  const wanted = [
    filename,
    `${filename}.dockerignore`,
    ...(filename === 'Dockerfile' ? ['dockerfile'] : []),
    '.dockerignore',
  ];
  await receive(parts, dir, { name, include: wanted }, 'transferring dockerfile');
  let path = join(dir, filename);
  if (
    filename === 'Dockerfile' &&
    (await text(path)) === undefined &&
    (await text(join(dir, 'dockerfile'))) !== undefined
  )
    path = join(dir, 'dockerfile');
  const own = `${path}.dockerignore`;
  return { path, ignore: (await text(own)) === undefined ? join(dir, '.dockerignore') : own };
}

async function mainContext(
  parts: ContextParts,
  options: Readonly<Record<string, string>>,
  ignoreFile: string | undefined,
): Promise<ContextSource> {
  const remote = options['context'];
  if (remote !== undefined && upload.test(remote)) return await fetchUpload(parts, remote);
  if (remote !== undefined && /^local:/.test(remote))
    return await fetchFolder(parts, remote.slice('local:'.length), ignoreFile);
  if (remote !== undefined && remote !== '') return { kind: 'url', url: remote };
  return await fetchFolder(parts, options['contextkey'] ?? 'context', ignoreFile);
}

/** What .dockerignore leaves out stays with the client; the file itself comes along, for the builder to apply. */
async function fetchFolder(parts: ContextParts, name: string, ignoreFile: string | undefined): Promise<ContextSource> {
  const dir = await parts.keep(name);
  const ignore = ignoreFile === undefined ? undefined : await text(ignoreFile);
  const exclude = ignore === undefined ? [] : readIgnoreFile(ignore);
  await receive(parts, dir, { name, exclude }, 'transferring context');
  if (
    ignore !== undefined &&
    ignoreFile?.endsWith('/.dockerignore') &&
    (await text(join(dir, '.dockerignore'))) === undefined
  )
    await copyFile(ignoreFile, join(dir, '.dockerignore'));
  return { kind: 'local', dir, label: name };
}

async function fetchUpload(parts: ContextParts, url: string): Promise<ContextSource> {
  const { pathname, host } = new URL(url);
  const file = join(parts.folder, 'upload.tar');
  const call = openCall(
    parts.session.connection,
    Upload.method.pull,
    { urlpath: pathname, urlhost: host },
    parts.signal,
  );
  call.closeInput();
  let bytes = 0;
  const source = async function* () {
    for await (const { data } of call.output) {
      bytes += data.length;
      parts.progress('transferring context', bytes, false);
      yield data;
    }
  };
  await pipeline(Readable.from(source()), createWriteStream(file, { mode: 0o600 }));
  parts.progress('transferring context', bytes, true);
  return { kind: 'file', path: file };
}

/** `context:NAME=SOURCE` options. */
async function fetchNamedContexts(
  parts: ContextParts,
  options: Readonly<Record<string, string>>,
  inputs: Readonly<Record<string, string>>,
): Promise<Record<string, NamedContext>> {
  const contexts: Record<string, NamedContext> = {};
  for (const [key, value] of Object.entries(options)) {
    if (!key.startsWith('context:')) continue;
    const name = key.slice('context:'.length);
    const [, scheme = '', rest = ''] = /^([a-z-]+):(?:\/\/)?(.*)$/.exec(value) ?? [];
    if (scheme === 'local') contexts[name] = await fetchFolder(parts, rest, undefined);
    else if (scheme === 'docker-image') contexts[name] = { kind: 'image', name: rest };
    else if (scheme === 'target') contexts[name] = { kind: 'target', name: rest };
    else if (scheme === 'input' && inputs[rest] !== undefined) contexts[name] = { kind: 'result', id: inputs[rest] };
    else if (scheme === 'oci-layout') contexts[name] = layoutContext(rest);
    else if (['http', 'https', 'git', 'ssh'].includes(scheme)) contexts[name] = { kind: 'url', url: value };
    else
      throw new StrataError('unsupported', `unsupported context source ${scheme} for ${name}`, {
        hint: 'folders, docker-image://, oci-layout://, target:, http(s) and git are',
      });
  }
  return contexts;
}

/** `NAME[:TAG]@DIGEST` of a store that the client serves. */
function layoutContext(text: string): NamedContext {
  const [place = '', reference] = text.split('@');
  const store = place.split(':')[0];
  return { kind: 'oci-layout', dir: `oci:${store}`, ...(reference !== undefined && { reference }) };
}

async function receive(
  parts: ContextParts,
  dir: string,
  wanted: { readonly name: string; readonly include?: readonly string[]; readonly exclude?: readonly string[] },
  what: string,
): Promise<void> {
  let bytes = 0;
  const progress = (total: number) => {
    bytes = total;
    parts.progress(what, total, false);
  };
  const { layers, session, signal } = parts;
  await receiveFiles(session, wanted, { layers, dir, signal, progress });
  parts.progress(what, bytes, true);
}

async function text(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined);
}
