import { isKind, StrataError } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import { type Access, checkHop, type Exchange } from './exchange.ts';
import type { InsecureHosts } from './insecure-hosts.ts';
import { isBroken } from './network-error.ts';
import { isPutOff, pause, pauseBefore, type Reply, type RetryPolicy } from './transport.ts';
import type { UploadSource } from './types.ts';

export interface UploadParts {
  readonly exchange: Exchange;
  readonly retry: RetryPolicy;
  readonly insecure: InsecureHosts;
}

/** Up to this a blob goes in one request (monolithic), above it as a stream that can be taken up again. */
const monolithicBytes = 1024 ** 2;
/** Sizes of the pieces for registries, or proxies before them, that refuse large requests (413): a quarter each time. */
const pieceBytes = { most: 64 * 1024 ** 2, least: 256 * 1024 } as const;
/** So much must go before a break counts as a first one again. */
const progressBytes = 1024 ** 2;

/**
 * Starts an upload: OCI distribution-spec v1.1 "Pushing Blobs". With `from`, the blob is first looked for in that repository
 * ("Mounting a blob from another repository"): `mounted` when it was there.
 */
export async function startUpload(
  { exchange, insecure }: UploadParts,
  access: Access,
  repository: string,
  mount?: { readonly digest: Digest; readonly from: string },
): Promise<{ readonly mounted: boolean; readonly location?: URL; readonly minimum: number }> {
  const url = new URL(`/v2/${repository}/blobs/uploads/`, access.endpoint.base);
  if (mount) {
    url.searchParams.set('mount', mount.digest);
    url.searchParams.set('from', mount.from);
  }
  const reply = await exchange.call(access, { method: 'POST', url, headers: { 'content-length': '0' } });
  await reply.discard();
  if (reply.status === 201) return { mounted: true, minimum: 0 };
  const minimum = Number(reply.headers['oci-chunk-min-length'] ?? 0);
  return {
    mounted: false,
    location: locationOf(reply, access, insecure),
    minimum: Number.isSafeInteger(minimum) && minimum > 0 ? minimum : 0,
  };
}

/** Sends a blob; what a break interrupts goes on from the offset that the registry says it has. */
export async function uploadBlob(
  parts: UploadParts,
  access: Access,
  repository: string,
  source: UploadSource,
  started?: { readonly location?: URL; readonly minimum: number },
  progress?: (sent: number) => void,
): Promise<void> {
  const upload = new Upload(parts, access, repository, source, progress ?? (() => {}));
  let begun = started;
  for (let failures = 0, best = 0; ; ) {
    try {
      begun ??= await startUpload(parts, access, repository);
      await upload.run(begun.location!, begun.minimum);
      return;
    } catch (error) {
      if (upload.offset - best >= progressBytes) failures = 0;
      best = Math.max(best, upload.offset);
      if (!upload.mayGoOn(error) || failures >= parts.retry.retries) throw error;
      await pause(pauseBefore(parts.retry, failures++), access.signal);
      if (await upload.isThere()) return;
      const location = await upload.askOffset();
      begun = location && { location, minimum: begun?.minimum ?? 0 };
    }
  }
}

class Upload {
  readonly #parts: UploadParts;
  readonly #access: Access;
  readonly #repository: string;
  readonly #source: UploadSource;
  readonly #progress: (sent: number) => void;
  #location: URL | undefined;
  #piece = Number.POSITIVE_INFINITY;
  /** Bytes that the registry has. */
  offset = 0;

  constructor(
    parts: UploadParts,
    access: Access,
    repository: string,
    source: UploadSource,
    progress: (sent: number) => void,
  ) {
    this.#parts = parts;
    this.#access = access;
    this.#repository = repository;
    this.#source = source;
    this.#progress = progress;
  }

  async run(location: URL, minimum: number): Promise<void> {
    this.#location = location;
    const { size } = this.#source;
    if (this.offset === 0 && size <= monolithicBytes) return await this.#finish(await this.#bytes());
    while (this.offset < size) {
      const end = Math.min(size, this.offset + Math.max(this.#piece, minimum));
      await this.#patch(end);
      this.offset = end;
    }
    await this.#finish(new Uint8Array(0));
  }

  async #bytes(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await this.#source.open(0)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async #patch(end: number): Promise<void> {
    const from = this.offset;
    const whole = from === 0 && end === this.#source.size;
    const reply = await this.#parts.exchange.call(this.#access, {
      method: 'PATCH',
      url: this.#location!,
      once: true,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(end - from),
        ...(!whole && { 'content-range': `${from}-${end - 1}` }),
      },
      body: () => this.#counted(from, end),
    });
    await reply.discard();
    this.#location = locationOf(reply, this.#access, this.#parts.insecure, this.#location);
  }

  /** Opened for each try: one that was answered with a challenge or a redirect is sent again from its start. */
  async *#counted(from: number, end: number): AsyncGenerator<Uint8Array> {
    let at = from;
    for await (const chunk of await this.#source.open(from)) {
      const part = at + chunk.length > end ? chunk.subarray(0, end - at) : chunk;
      at += part.length;
      yield part;
      this.#progress(at);
      if (at >= end && end < this.#source.size) return;
    }
  }

  async #finish(body: Uint8Array): Promise<void> {
    const url = new URL(this.#location!);
    url.searchParams.set('digest', this.#source.digest);
    const reply = await this.#parts.exchange.call(this.#access, {
      method: 'PUT',
      url,
      once: true,
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(body.length) },
      body: () => body,
    });
    await reply.discard();
    this.offset = this.#source.size;
    this.#progress(this.offset);
  }

  mayGoOn(error: unknown): boolean {
    if (!(error instanceof StrataError)) return false;
    if (error.code === 'http_413' && this.#piece > pieceBytes.least) {
      const refused = Math.min(this.#piece, this.#source.size - this.offset);
      this.#piece = Math.max(pieceBytes.least, Math.min(pieceBytes.most, Math.ceil(refused / 4)));
      return true;
    }
    const status = Number(/^http_(\d+)$/.exec(error.code)?.[1] ?? 0);
    // 416: our idea of the offset is not the registry's.
    if (isBroken(error) || isPutOff(status) || status === 416) return true;
    return ['blob_upload_unknown', 'blob_upload_invalid', 'toomanyrequests', 'unavailable'].includes(error.code);
  }

  /** Whether the last request did arrive after all, and only its answer was lost. */
  async isThere(): Promise<boolean> {
    return await blobExists(this.#parts.exchange, this.#access, this.#repository, this.#source);
  }

  /** Where to go on; undefined when the registry has forgotten the upload, which then starts over. */
  async askOffset(): Promise<URL | undefined> {
    this.offset = 0;
    if (!this.#location) return undefined;
    try {
      const reply = await this.#parts.exchange.call(this.#access, { method: 'GET', url: this.#location });
      await reply.discard();
      const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(reply.headers['range'] ?? '')?.[1] ?? 0);
      // `0-0` is how registries say that nothing came; a single byte costs nothing to send again elsewhere.
      this.offset = last === 0 ? 0 : Math.min(last + 1, this.#source.size);
      if (this.offset === 0 && this.#source.size > monolithicBytes) return undefined;
      return locationOf(reply, this.#access, this.#parts.insecure, this.#location);
    } catch (error) {
      if (isKind(error, 'cancelled') || isKind(error, 'unauthenticated')) throw error;
      return undefined;
    }
  }
}

export async function blobExists(
  exchange: Exchange,
  access: Access,
  repository: string,
  blob: { readonly digest: Digest; readonly size: number },
): Promise<boolean> {
  const url = new URL(`/v2/${repository}/blobs/${blob.digest}`, access.endpoint.base);
  const reply = await exchange.call(access, { method: 'HEAD', url }, [404]);
  await reply.discard();
  const length = reply.headers['content-length'];
  return reply.status !== 404 && (length === undefined || Number(length) === blob.size);
}

/**
 * Where the upload goes on. Registries behind a proxy that ends TLS name themselves with http: the same host is then asked
 * as before. Other hosts get no credentials, see {@link Exchange}.
 */
function locationOf(reply: Reply, access: Access, insecure: InsecureHosts, before?: URL): URL {
  const given = reply.headers['location'];
  if (given === undefined || !URL.canParse(given, reply.url)) {
    if (before) return before;
    throw new StrataError('failed_precondition', `${access.endpoint.base.host} does not say where to upload to`, {
      code: 'no_upload_location',
    });
  }
  const location = new URL(given, reply.url);
  if (location.host === reply.url.host) location.protocol = reply.url.protocol;
  else checkHop(reply.url, location, insecure);
  return location;
}
