import type { FastifyInstance } from 'fastify';
import { StrataError } from '../../errors/index.ts';
import {
  isIndexType,
  type Manifest,
  type Platform,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../../oci/index.ts';
import { type Credentials, serverHost } from '../../registry/index.ts';
import { readJson } from '../body.ts';
import { readFilters } from '../filters.ts';
import { authRequest, credentialsOf, registryAuth } from '../registry-auth.ts';
import { sendJson } from '../reply.ts';
import { queryOf } from '../server.ts';
import { openStream } from '../stream-reply.ts';
import type { ApiBackend } from '../types.ts';

type Backend = Pick<ApiBackend, 'registry'>;

/** What is asked of registries: `/auth`, `/distribution/{name}/json`, `/images/search`. */
export function addRegistryRoutes(app: FastifyInstance, backend: Backend): void {
  app.post('/auth', async (request, reply) => {
    const auth = await readJson(request, authRequest, { required: true });
    const answer = await backend.registry.login(serverHost(auth.serveraddress ?? ''), credentialsOf(auth) ?? {});
    sendJson(reply, { Status: answer.status, IdentityToken: answer.identitytoken ?? '' });
  });

  app.get<{ Params: { '*': string } }>('/distribution/*', async (request, reply) => {
    const name = /^(.+)\/json$/.exec(request.params['*'])?.[1];
    if (!name) throw new StrataError('not_found', 'page not found');
    const ref = withDefaultTag(parseReference(name));
    const stream = openStream(reply, 'application/json');
    sendJson(reply, await inspectRemote(backend, ref, registryAuth(request), stream.signal));
  });

  app.get('/images/search', async (request, reply) => {
    const query = queryOf(request);
    const filters = readFilters(query, ['is-automated', 'is-official', 'stars']);
    const limit = query.int('limit');
    if (limit !== undefined && limit !== 0 && (limit < 1 || limit > 100))
      throw new StrataError('invalid_argument', `limit ${limit} is outside the range of [1, 100]`);
    const term = query.text('term');
    const { host, rest } = splitTerm(term);
    const auth = registryAuth(request);
    const found = await backend.registry.search(host, rest, { ...(limit && { limit }), ...(auth && { auth }) });
    const stars = Number(filters.values('stars')[0] ?? 0);
    const official = filters.flag('is-official');
    const rows = found
      .filter((row) => row.star_count >= stars && (official === undefined || row.is_official === official))
      .map((row) => ({ ...row, is_automated: false }));
    sendJson(reply, filters.flag('is-automated') ? [] : rows);
  });
}

function splitTerm(term: string): { host: string; rest: string } {
  const slash = term.indexOf('/');
  const first = slash < 0 ? '' : term.slice(0, slash);
  if (slash >= 0 && (/[.:]/.test(first) || first === 'localhost')) return { host: first, rest: term.slice(slash + 1) };
  return { host: 'docker.io', rest: term };
}

async function inspectRemote(
  { registry }: Backend,
  ref: Reference,
  auth: Credentials | undefined,
  signal: AbortSignal,
): Promise<unknown> {
  const options = { signal, ...(auth && { auth }) };
  const { descriptor, bytes } = await registry.resolve(ref, options);
  const { mediaType, digest, size } = descriptor;
  const document = JSON.parse(Buffer.from(bytes).toString('utf8')) as Manifest & {
    manifests?: readonly { platform?: Platform }[];
  };
  const Platforms = isIndexType(mediaType)
    ? (document.manifests ?? []).flatMap(({ platform }) => (platform ? [platform] : []))
    : [await configPlatform(registry, ref, document, options)];
  return { Descriptor: { mediaType, digest, size }, Platforms };
}

async function configPlatform(
  registry: ApiBackend['registry'],
  ref: Reference,
  manifest: Manifest,
  options: { auth?: Credentials; signal: AbortSignal },
): Promise<Platform> {
  const limit = 8 * 1024 * 1024;
  if (manifest.config.size > limit) throw new StrataError('data_loss', 'the image configuration is larger than 8 MiB');
  const chunks: Uint8Array[] = [];
  for await (const chunk of await registry.blob(ref, manifest.config, options)) chunks.push(chunk);
  const config = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Platform;
  const { architecture, os, variant } = config;
  return {
    architecture,
    os,
    ...(variant && { variant }),
    ...(config['os.version'] && { 'os.version': config['os.version'] }),
  };
}
