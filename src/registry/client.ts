import { verified } from '../content/index.ts';
import { isKind, StrataError } from '../errors/index.ts';
import {
  algorithm,
  type Digest,
  familiarName,
  isDigest,
  type Reference,
  sha256,
  withDefaultTag,
} from '../oci/index.ts';
import { createDispatchers } from './dispatchers.ts';
import { acceptedTypes, parseDocument } from './document.ts';
import { download } from './download.ts';
import { createEndpoints, type Endpoint } from './endpoints.ts';
import { type Access, createExchange } from './exchange.ts';
import { insecureHosts } from './insecure-hosts.ts';
import { limits } from './limits.ts';
import { logIn } from './login.ts';
import type { Proxies } from './proxies.ts';
import { readBody } from './read-body.ts';
import { searchBase, searchImages } from './search.ts';
import { listTags } from './tags.ts';
import { createTokens } from './tokens.ts';
import { createTransport, type RetryPolicy } from './transport.ts';
import type { Registry, RegistryOptions, RequestOptions } from './types.ts';
import { blobExists, startUpload, uploadBlob } from './upload.ts';

export interface RegistryClientOptions extends RegistryOptions {
  /** Proxies on the way to registries; none where absent: the environment is the entry point's to read. */
  readonly proxies?: Proxies;
  readonly userAgent?: string;
  /** Default: 5 further tries, the first after 500 ms. */
  readonly retry?: RetryPolicy;
}

/**
 * A client for all registries. Keeps connections, tokens and what registries said about themselves; credentials only as
 * long as the call that brought them. https first; http for loopback and the hosts of `insecure`, when https does not answer.
 */
export function createRegistryClient(options: RegistryClientOptions): Registry {
  const insecure = insecureHosts(options.insecure);
  const dispatchers = createDispatchers({ certsDir: options.certsDir, insecure, proxies: options.proxies });
  const retry = options.retry ?? { retries: 5, pause: 500 };
  const transport = createTransport({ dispatchers, retry, userAgent: options.userAgent ?? 'strata' });
  const tokens = createTokens(transport, insecure);
  const endpoints = createEndpoints({ transport, mirrors: options.mirrors, insecure });
  const exchange = createExchange({ transport, tokens, insecure });
  const uploads = { exchange, retry, insecure };

  /** Tries the mirrors, then the registry; only the registry's failure is told. */
  async function reading<T>(
    ref: Reference,
    { auth, signal }: RequestOptions,
    body: (access: Access) => Promise<T>,
  ): Promise<T> {
    const candidates = endpoints.candidates(ref.domain, 'pull', signal);
    for (const [i, candidate] of candidates.entries()) {
      try {
        return await body({ endpoint: await candidate(), scopes: [scope(ref.path, 'pull')], auth, signal });
      } catch (error) {
        if (i === candidates.length - 1 || isKind(error, 'cancelled') || !(error instanceof StrataError)) throw error;
      }
    }
    throw new Error('a registry has at least one endpoint');
  }

  async function writing(ref: Reference, { auth, signal }: RequestOptions, from?: string): Promise<Access> {
    const scopes = [scope(ref.path, 'pull,push'), ...(from === undefined ? [] : [scope(from, 'pull')])];
    return { endpoint: await endpoints.connect(ref.domain, signal), scopes, auth, signal };
  }

  /** The first of `from` that gives the blob; a refusal to look there is no reason not to send it. */
  async function mount(ref: Reference, digest: Digest, request: RequestOptions, from: readonly string[]) {
    let upload: Awaited<ReturnType<typeof startUpload>> | undefined;
    for (const repository of from) {
      try {
        upload = await startUpload(uploads, await writing(ref, request, repository), ref.path, {
          digest,
          from: repository,
        });
        if (upload.mounted) return { mountedFrom: repository };
      } catch (error) {
        if (!isKind(error, 'unauthenticated') && !isKind(error, 'permission_denied') && !isKind(error, 'not_found'))
          throw error;
      }
    }
    return { upload };
  }

  async function headOf(access: Access, ref: Reference): Promise<Digest | undefined> {
    const headers = { accept: acceptedTypes.join(', ') };
    const request = { method: 'HEAD', url: manifestUrl(access.endpoint, ref), headers } as const;
    const reply = await exchange.call(access, request, [404]);
    await reply.discard();
    const digest = reply.headers['docker-content-digest'];
    return reply.status === 404 || !isDigest(digest) ? undefined : digest;
  }

  const client: Registry = {
    async resolve(ref, request) {
      const name = familiarName(withDefaultTag(ref));
      return await reading(ref, request, async (access) => {
        const headers = { accept: acceptedTypes.join(', ') };
        const reply = await exchange.call(access, { method: 'GET', url: manifestUrl(access.endpoint, ref), headers });
        const bytes = await readBody(reply.body, limits.manifest, `the manifest of ${name}`);
        const digest = checkDigest(bytes, ref.digest, reply.headers['docker-content-digest'], name);
        const { mediaType } = parseDocument(bytes, reply.headers['content-type'] ?? '', name);
        return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
      });
    },
    head: async (ref, request) => await reading(ref, request, async (access) => await headOf(access, ref)),
    headForPush: async (ref, request) => await headOf(await writing(ref, request), ref),
    async blob(ref, target, { offset = 0, ...request }) {
      const stream = bytesOf(ref, target, request, offset);
      return offset === 0 ? verified(stream, target) : stream;
    },
    download: (ref, target, request) => bytesOf(ref, target, request, 0),
    tags: async (ref, request) =>
      await reading(ref, request, async (access) => await listTags(exchange, insecure, access, ref.path)),
    async login(host, auth, signal) {
      const endpoint = await endpoints.connect(host, signal);
      return await logIn({ transport, tokens }, endpoint, auth, signal);
    },
    async search(host, term, searchOptions) {
      const base = await searchBase(host, () => endpoints.connect(host, undefined));
      return await searchImages(transport, base, term, searchOptions);
    },
    hasBlob: async (ref, blob, request) => await blobExists(exchange, await writing(ref, request), ref.path, blob),
    async upload(ref, source, { from = [], progress, ...request }) {
      const { mountedFrom, upload } = await mount(ref, source.digest, request, from);
      if (mountedFrom !== undefined) return { mountedFrom };
      await uploadBlob(uploads, await writing(ref, request), ref.path, source, upload, progress);
      return {};
    },
    async putManifest(ref, { bytes, mediaType }, request) {
      const digest = sha256(bytes);
      const access = await writing(ref, request);
      const url = new URL(`/v2/${ref.path}/manifests/${ref.tag ?? ref.digest ?? digest}`, access.endpoint.base);
      const headers = { 'content-type': mediaType, 'content-length': String(bytes.length) };
      const reply = await exchange.call(access, { method: 'PUT', url, headers, body: () => bytes });
      await reply.discard();
      const told = reply.headers['docker-content-digest'];
      if (isDigest(told) && told !== digest && algorithm(told) === 'sha256') {
        throw new StrataError(
          'data_loss',
          `${access.endpoint.base.host} stored the manifest as ${told}, not as ${digest}`,
          {
            code: 'digest_mismatch',
          },
        );
      }
      return digest;
    },
    close: () => dispatchers.close(),
  };

  /** From the first endpoint that has the blob; which one is settled before the first byte. */
  async function* bytesOf(
    ref: Reference,
    target: Parameters<Registry['download']>[1],
    request: RequestOptions,
    offset: number,
  ) {
    const opened = await reading(ref, request, async (access) => {
      const url = new URL(`/v2/${ref.path}/blobs/${target.digest}`, access.endpoint.base);
      const stream = download(exchange, retry, access, url, target, offset);
      return { stream, first: await stream.next() };
    });
    if (opened.first.done) return;
    try {
      yield opened.first.value;
      yield* opened.stream;
    } finally {
      await opened.stream.return();
    }
  }

  return client;
}

function scope(repository: string, actions: string): string {
  return `repository:${repository}:${actions}`;
}

function manifestUrl(endpoint: Endpoint, ref: Reference): URL {
  const { tag, digest } = withDefaultTag(ref);
  return new URL(`/v2/${ref.path}/manifests/${digest ?? tag}`, endpoint.base);
}

/** The digest of a manifest's bytes, which must be the one asked for, and the one that the registry tells. */
function checkDigest(bytes: Uint8Array, asked: Digest | undefined, told: string | undefined, name: string): Digest {
  const digest = sha256(bytes);
  const expected = asked ?? (isDigest(told) ? told : undefined);
  if (expected === undefined) return digest;
  if (algorithm(expected) !== 'sha256') {
    throw new StrataError('unsupported', `manifests with ${algorithm(expected)} digests are not supported: ${name}`);
  }
  if (expected !== digest) {
    throw new StrataError('data_loss', `manifest verification failed for digest ${expected}`, {
      code: 'digest_mismatch',
      hint: `what came for ${name} has digest ${digest}`,
    });
  }
  return digest;
}
