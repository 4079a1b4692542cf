import { createWriteStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BuildOptions } from '../builder/index.ts';
import { readIgnoreFile } from '../dockerfile/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Layers } from '../layer/index.ts';
import { bytesOfName, nameOf, readFileInRoot } from '../sys/index.ts';
import type { BuildRequest, ContextSource, NamedContext } from '../wire/index.ts';
import type { Task } from './attributes.ts';
import { receiveFiles, type Wanted } from './receive-files.ts';
import { openCall } from './rpc-client.ts';
import type { ClientSession } from './session.ts';
import { Upload } from './wire/upload_pb.ts';

export interface Contexts {
  readonly request: Pick<BuildRequest, 'context' | 'dockerfile' | 'namedContexts'>;
  /** Text of the Dockerfile where it came from the client. */
  readonly dockerfile: string | undefined;
  /** Fetches what the build reads of a folder, when it is known. */
  readonly bring: NonNullable<BuildOptions['bring']>;
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

/** How folders of one build are filled: by the path that they have here. */
type Folders = Map<string, Contexts['bring']>;

/** Fetches the Dockerfile from the client. What else the build is to read comes when its instructions have said what that is. */
export async function fetchContexts(
  parts: ContextParts,
  { options, inputs = {}, context: given }: Pick<Task, 'options' | 'inputs' | 'context'>,
): Promise<Contexts> {
  const remote = options['context'];
  const fromClient = (remote === undefined && !given) || options['dockerfilekey'] !== undefined;
  const filename = options['filename'] || 'Dockerfile';
  const dockerfile = fromClient
    ? await fetchDockerfile(parts, options['dockerfilekey'] ?? 'dockerfile', filename)
    : undefined;
  const folders: Folders = new Map();
  const context = given ?? (await mainContext(parts, folders, options, dockerfile?.ignore));
  const namedContexts = await openNamedContexts(parts, folders, options, inputs);
  return {
    request: {
      context,
      dockerfile: { path: dockerfile?.path ?? filename },
      ...(Object.keys(namedContexts).length > 0 && { namedContexts }),
    },
    dockerfile: dockerfile && text(dockerfile.dir, dockerfile.name),
    bring: async (folder, ...more) => await folders.get(folder)?.(folder, ...more),
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
  const progress = (bytes: number, done: boolean) => parts.progress('transferring dockerfile', bytes, done);
  await receive(parts, dir, { name, follow: wanted }, progress);
  const other = filename === 'Dockerfile' && text(dir, filename) === undefined && text(dir, 'dockerfile') !== undefined;
  const file = other ? 'dockerfile' : filename;
  const own = text(dir, `${file}.dockerignore`);
  const ignore = own ?? text(dir, '.dockerignore');
  // As plain files: a link of the client's leads nowhere outside of its folder.
  for (const [path, content] of [
    [file, text(dir, file)],
    [`${file}.dockerignore`, own],
  ] as const) {
    await rm(join(dir, path), { recursive: true, force: true });
    if (content !== undefined) await writeFile(join(dir, path), bytesOfName(content));
  }
  return { dir, name: file, path: join(dir, file), ignore: { text: ignore, isCommon: own === undefined } };
}

type Ignore = { readonly text: string | undefined; readonly isCommon: boolean };

async function mainContext(
  parts: ContextParts,
  folders: Folders,
  options: Readonly<Record<string, string>>,
  ignore: Ignore | undefined,
): Promise<ContextSource> {
  const remote = options['context'];
  const subdir = options['contextsubdir'] ? { subdir: options['contextsubdir'] } : {};
  if (remote !== undefined && upload.test(remote)) return { ...(await fetchUpload(parts, remote)), ...subdir };
  if (remote !== undefined && /^local:/.test(remote))
    return await openFolder(parts, folders, remote.slice('local:'.length), ignore);
  if (remote !== undefined && remote !== '') return { kind: 'url', url: remote, ...subdir };
  return await openFolder(parts, folders, options['contextkey'] ?? 'context', ignore);
}

/** What .dockerignore leaves out stays with the client; the file itself comes along, for the builder to apply. */
async function openFolder(
  parts: ContextParts,
  folders: Folders,
  name: string,
  ignore: Ignore | undefined,
): Promise<ContextSource> {
  const dir = await parts.keep(name);
  const addIgnoreFile = async () => {
    if (ignore?.text !== undefined && ignore.isCommon && text(dir, '.dockerignore') === undefined)
      await writeFile(join(dir, '.dockerignore'), bytesOfName(ignore.text), { flag: 'wx' }).catch(() => undefined);
  };
  // The builder reads it before it asks for files.
  await rm(join(dir, '.dockerignore'), { recursive: true, force: true });
  await addIgnoreFile();
  folders.set(dir, async (_folder, paths, progress) => {
    // The client would take a byte that is no UTF-8 for any other: then all comes, and the builder leaves it out.
    const exclude = ignore?.text?.isWellFormed() ? readIgnoreFile(ignore.text) : [];
    await receive(parts, dir, { name, exclude, ...(paths && { follow: paths }) }, progress);
    await addIgnoreFile();
  });
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
async function openNamedContexts(
  parts: ContextParts,
  folders: Folders,
  options: Readonly<Record<string, string>>,
  inputs: Readonly<Record<string, string>>,
): Promise<Record<string, NamedContext>> {
  const contexts: Record<string, NamedContext> = {};
  for (const [key, value] of Object.entries(options)) {
    if (!key.startsWith('context:')) continue;
    const name = key.slice('context:'.length);
    const [, scheme = '', rest = ''] = /^([a-z-]+):(?:\/\/)?(.*)$/.exec(value) ?? [];
    if (scheme === 'local') contexts[name] = await openFolder(parts, folders, rest, undefined);
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
  { layers, session, signal }: ContextParts,
  dir: string,
  wanted: Wanted,
  progress: (bytes: number, done: boolean) => void,
): Promise<void> {
  let bytes = 0;
  const onBytes = (total: number) => {
    bytes = total;
    progress(total, false);
  };
  await receiveFiles(session, wanted, { layers, dir, signal, progress: onBytes });
  progress(bytes, true);
}

/** Longest Dockerfile and ignore file, bytes. */
const limit = 16 << 20;

/** A file of a folder that a client filled: links are followed inside of it alone. */
function text(dir: string, path: string): string | undefined {
  try {
    return nameOf(readFileInRoot(dir, path, limit));
  } catch {
    return undefined;
  }
}
