import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, rmSync, utimesSync } from 'node:fs';
import { mkdtemp, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { request } from 'undici';
import { StrataError } from '../../errors/index.ts';
import { networkError } from '../../registry/index.ts';
import type { DownloadRow as Download } from '../cache/downloads.ts';
import { digestOf } from '../cache/keys.ts';
import type { Workshop } from '../ops/workshop.ts';
import type { Op, Outcome, Work } from '../solver/vertex.ts';
import type { TreeValue, Value } from '../value.ts';
import { splitCredentials } from './url-credentials.ts';

export interface HttpSpec {
  readonly url: string;
  /** What the file is called in the tree. */
  readonly filename: string;
  /** `sha256:…` of the file. */
  readonly checksum?: string;
}

/** Longest download, bytes. */
const limit = 64 * 2 ** 30;
const redirects = 10;

/** A file from the web. The server is asked each time whether it changed; only a changed one is read again. */
export function httpOp(shop: Workshop, spec: HttpSpec): Op<Value> {
  return {
    waits: false,
    key: () => digestOf(['http', spec]),
    lookup: async (_, work) => {
      const known = shop.downloads.find(downloadName(spec.url));
      if (!known || !existsSync(join(known.file, spec.filename))) return undefined;
      if (spec.checksum !== undefined) return spec.checksum === known.digest ? outcome(spec, known) : undefined;
      const answer = await ask(spec.url, validators(known), work);
      drop(answer.body);
      if (answer.statusCode !== 304) return undefined;
      return outcome(spec, known);
    },
    run: async (_, work) => {
      const download = await fetchFile(shop, spec, work);
      return outcome(spec, download);
    },
  };
}

function validators(known: Download): Record<string, string> {
  return {
    ...(known.etag !== null && { 'if-none-match': known.etag }),
    ...(known.modified !== null && { 'if-modified-since': known.modified }),
  };
}

function outcome(spec: HttpSpec, { digest, file, mtime }: Download): Outcome<Value> {
  const value: TreeValue = {
    kind: 'tree',
    id: digestOf(['http', digest, spec.filename, mtime]),
    source: { root: file, resetOwner: true },
    label: splitCredentials(spec.url).bare,
  };
  return { result: value, show: digest.replace('sha256:', '').slice(0, 12) };
}

/** The name of what is kept: with credentials it is another file, and they are not told. */
function downloadName(url: string): string {
  const { bare, authorization } = splitCredentials(url);
  return authorization === undefined ? url : `${bare} ${digestOf(['credentials', authorization])}`;
}

async function ask(url: string, headers: Record<string, string>, work: Work) {
  const { bare: start, authorization } = splitCredentials(url);
  const { origin } = new URL(start);
  let at = new URL(start);
  for (let count = 0; count <= redirects; count++) {
    // Credentials belong to the host that they were given for, and to no other.
    const auth = authorization !== undefined && at.origin === origin ? { authorization } : {};
    const bare = new URL(at);
    bare.username = '';
    bare.password = '';
    const answer = await send(bare, { ...headers, ...auth }, work);
    const { location } = answer.headers;
    if (answer.statusCode < 300 || answer.statusCode >= 400 || answer.statusCode === 304 || !location) return answer;
    drop(answer.body);
    at = new URL(String(location), at);
    if (!['http:', 'https:'].includes(at.protocol)) {
      throw new StrataError('invalid_argument', `refusing a redirect to ${at.protocol}`);
    }
  }
  throw new StrataError('unavailable', `stopped after ${redirects} redirects`);
}

/** What is not wanted is not read; that this breaks the connection is no error. */
function drop(body: Readable): void {
  body.on('error', () => undefined);
  body.destroy();
}

async function send(url: URL, headers: Record<string, string>, work: Work) {
  try {
    return await request(url, { method: 'GET', headers: { 'user-agent': 'strata', ...headers }, signal: work.signal });
  } catch (cause) {
    work.signal.throwIfAborted();
    const { code, message, hint } = networkError('GET', url, cause);
    throw new StrataError('unavailable', `failed to load cache key: ${message}`, {
      code,
      cause,
      ...(hint !== undefined && { hint }),
    });
  }
}

async function fetchFile(shop: Workshop, spec: HttpSpec, work: Work): Promise<Download> {
  const answer = await ask(spec.url, {}, work);
  if (answer.statusCode < 200 || answer.statusCode >= 300) {
    drop(answer.body);
    throw new StrataError('not_found', `failed to load cache key: invalid response status ${answer.statusCode}`, {
      code: 'download_failed',
    });
  }
  const folder = await mkdtemp(join(shop.trees, 'download-'));
  try {
    const digest = await save(answer.body, join(folder, spec.filename), Number(answer.headers['content-length']), work);
    if (spec.checksum !== undefined && spec.checksum !== digest) {
      throw new StrataError('data_loss', `digest mismatch ${digest}: ${spec.checksum}`, { code: 'checksum_mismatch' });
    }
    const modified = header(answer.headers['last-modified']);
    const time = modified === null ? Number.NaN : Date.parse(modified);
    const mtime = Number.isNaN(time) ? null : Math.floor(time / 1000);
    utimesSync(join(folder, spec.filename), mtime ?? 0, mtime ?? 0);
    const kept = join(shop.downloads.root, basename(folder));
    await rename(folder, kept);
    const row = { url: downloadName(spec.url), etag: header(answer.headers.etag), modified, digest, file: kept, mtime };
    return shop.downloads.keep(row);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function header(value: string | string[] | undefined): string | null {
  return value === undefined ? null : String(value);
}

async function save(body: Readable, file: string, length: number, work: Work): Promise<string> {
  const hash = createHash('sha256');
  let current = 0;
  const total = Number.isFinite(length) ? { total: length } : {};
  const tell = (done: boolean) =>
    work.emit({ type: 'status', status: 'downloading', current, ...total, unit: 'bytes', at: Date.now(), done });
  let told = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _, next) {
      hash.update(chunk);
      current += chunk.length;
      if (current > limit) return next(new StrataError('invalid_argument', 'the download is too large'));
      if (current - told > 1 << 20) {
        told = current;
        tell(false);
      }
      next(null, chunk);
    },
  });
  mkdirSync(join(file, '..'), { recursive: true });
  await pipeline(body, meter, createWriteStream(file, { mode: 0o600, flags: 'wx' }), { signal: work.signal });
  tell(true);
  return `sha256:${hash.digest('hex')}`;
}
