import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { StrataError } from '../errors/index.ts';
import { truncatedArchive } from './tar-field.ts';
import { Pouring, transformed } from './transformed.ts';

export type SourceCompression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

const magics: readonly (readonly [Exclude<SourceCompression, 'none'>, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

const longestMagic = Math.max(...magics.map(([, magic]) => magic.length));

/** How bytes that start so are compressed. A zstd stream may also start with a skippable frame. */
export function detectCompression(head: Uint8Array): SourceCompression {
  for (const [name, magic] of magics) {
    if (magic.every((byte, index) => head[index] === byte)) return name;
  }
  const skippable = head.length >= 4 && (head[0]! & 0xf0) === 0x50;
  return skippable && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18 ? 'zstd' : 'none';
}

/**
 * The plain bytes of a stream. Several gzip members or zstd frames one after another are one stream. A chunk of the source
 * is done with when the next is asked for; with `lent`, what comes out is only good until then, too.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  compression: SourceCompression | 'detect',
  { lent = false }: { readonly lent?: boolean } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression === 'none') {
    yield* source;
    return;
  }
  const { head, all } = await peek(source);
  if (head.length === 0) return;
  const kind = compression === 'detect' ? detectCompression(head) : compression;
  if (kind === 'none') yield* all;
  else if (kind === 'bzip2' || kind === 'xz') yield* throughProgram(all, kind);
  else yield* inflated(all, kind, lent);
}

/**
 * Some chunks ahead: while this thread writes files, another decompresses what comes next. They are objects to the stream,
 * which would else copy several into one.
 */
const outputOptions = { chunkSize: 512 * 1024, readableObjectMode: true, readableHighWaterMark: 2 };

/** The first bytes, as many as a magic number takes, and the whole stream with them. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly all: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < longestMagic) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = head.length === 0 && value.length >= longestMagic ? value : Buffer.concat([head, value]);
  }
  async function* all() {
    try {
      if (head.length > 0) yield head;
      for (;;) {
        const { value, done } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}

async function* inflated(
  source: AsyncIterable<Uint8Array>,
  kind: 'gzip' | 'zstd',
  lent: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const inflate = kind === 'gzip' ? createGunzip(outputOptions) : createZstdDecompress(outputOptions);
  try {
    yield* transformed(source, inflate, { lent });
  } catch (error) {
    throw streamError(error, kind);
  }
}

function streamError(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  if (error.code === 'Z_BUF_ERROR') return truncatedArchive();
  if (!error.code.startsWith('Z_') && !error.code.startsWith('ZSTD_')) return error;
  return new StrataError('invalid_argument', `${name}: ${error.message}`, { code: 'invalid_archive', cause: error });
}

/** Only the host's own folders, never $PATH and never anything inside an image: GHSA-x86f-5xw2-fm2r. */
const programFolders = ['/usr/bin', '/bin', '/usr/local/bin', '/run/current-system/sw/bin'];

function hostProgram(name: string): string {
  for (const folder of programFolders) {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return `${folder}/${name}`;
    } catch {
      // The next one.
    }
  }
  throw new StrataError('unsupported', `${name} archives need the program "${name}", which this host does not have`, {
    code: 'program_missing',
    hint: `install ${name === 'xz' ? 'xz-utils (or xz)' : name} on the machine that the engine runs on`,
  });
}

async function* throughProgram(
  source: AsyncIterable<Uint8Array>,
  name: 'bzip2' | 'xz',
): AsyncGenerator<Uint8Array, void, undefined> {
  const options = name === 'xz' ? ['--memlimit-decompress=1GiB', '--threads=1'] : [];
  const child = spawn(hostProgram(name), ['-d', '-c', ...options], {
    cwd: '/',
    env: { LC_ALL: 'C' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (words.length < 1000) words += chunk.toString();
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  // The program may stop reading early (trailing bytes): its exit code says whether that is an error.
  child.stdin.on('error', () => {});
  const input = new Pouring(source, child.stdin);
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    const code = await ended;
    if (input.failure !== undefined) throw input.failure;
    if (code !== 0) throw programError(name, words);
  } finally {
    input.stop();
    child.kill('SIGKILL');
    ended.catch(() => {});
  }
}

function programError(name: string, words: string): StrataError {
  const text = words.trim().replace(/^\S*: (?:\(stdin\): )?/, '');
  if (/unexpected end of (?:input|file)|file ends unexpectedly/i.test(text)) return truncatedArchive();
  return new StrataError('invalid_argument', `${name}: ${text || 'invalid data'}`, { code: 'invalid_archive' });
}
