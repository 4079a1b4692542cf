import type { FastifyInstance } from 'fastify';
import { countUses, publishImage, usesOf } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { ImageFilter, Images } from '../../image/index.ts';
import { familiarName, parsePlatform, parseReference, withDefaultTag } from '../../oci/index.ts';
import { checkPlatform } from '../check-platform.ts';
import { type Filters, readFilters } from '../filters.ts';
import { graphData } from '../graph-data.ts';
import type { ImageVerbs } from '../image-verbs.ts';
import { platformText } from '../platform-text.ts';
import type { Query } from '../query.ts';
import { sendEmpty, sendJson } from '../reply.ts';
import { queryOf, versionOf } from '../server.ts';
import { parseMoment } from '../time.ts';
import type { ApiBackend } from '../types.ts';
import { before } from '../version.ts';
import { historyView, inspectImage, summarizeImage } from '../views/image.ts';

type Backend = Pick<ApiBackend, 'images' | 'containers' | 'snapshots' | 'events'>;

export function addImageRoutes(app: FastifyInstance, verbs: ImageVerbs, backend: Backend): void {
  const { images, containers, events } = backend;

  app.get('/images/json', async (request, reply) => {
    const query = queryOf(request);
    const filters = readFilters(query, ['before', 'dangling', 'label', 'reference', 'since', 'until']);
    const legacy = query.text('filter');
    const found = await listImages(images, filters, legacy, query.flag('all'));
    const sizes = query.flag('shared-size') ? await sharedSizes(images) : undefined;
    const version = versionOf(request);
    const counts = before(version, 'countedContainers') ? undefined : countUses(containers);
    const rows = found.map((image) =>
      summarizeImage(image, {
        containers: counts ? (counts.get(image.id) ?? 0) : -1,
        sharedSize: sizes?.get(image.id) ?? (sizes ? 0 : -1),
        version,
      }),
    );
    sendJson(reply, rows);
  });

  app.delete<{ Params: { '*': string } }>('/images/*', async (request, reply) => {
    const query = queryOf(request);
    const name = request.params['*'];
    if (name.trim() === '') throw new StrataError('invalid_argument', 'image name cannot be blank');
    const platforms = query
      .all('platforms')
      .filter((text) => text !== '')
      .map(platformText);
    for (const platform of platforms) parsePlatform(platform);
    const image = await images.listed(name);
    // An image here is for one platform: it goes whole, or not at all.
    for (const platform of platforms) checkPlatform(image, name, platform);
    const removed = await images.remove(name, {
      force: query.flag('force'),
      prune: !query.flag('noprune'),
      uses: usesOf(containers, image.id),
    });
    for (const row of removed) {
      if (row.untagged) publishImage(events, 'untag', { id: image.id, name: image.id }, image);
      if (row.deleted && !row.isLayer)
        publishImage(events, 'delete', { id: row.deleted, name: row.deleted }, undefined);
    }
    sendJson(
      reply,
      removed.map((row) => (row.untagged ? { Untagged: row.untagged } : { Deleted: row.deleted })),
    );
  });

  app.post('/images/prune', async (request, reply) => {
    const filters = readFilters(queryOf(request), ['dangling', 'label', 'label!', 'until']);
    const until = parseMoment(filters.values('until')[0] ?? '');
    const inUse = new Set(countUses(containers).keys());
    const { removed, reclaimed } = await images.prune({
      all: filters.flag('dangling') === false,
      filter: { labels: filters.labels, ...(until !== undefined && { until: until * 1000 }) },
      inUse,
    });
    events.publish({ Type: 'image', Action: 'prune', Actor: { ID: '', Attributes: { reclaimed: String(reclaimed) } } });
    const rows = removed.map((row) => (row.untagged ? { Untagged: row.untagged } : { Deleted: row.deleted }));
    sendJson(reply, { ImagesDeleted: rows.length > 0 ? rows : null, SpaceReclaimed: reclaimed });
  });

  verbs.on('GET', 'history', async (name, request, reply) => {
    const platform = platformText(queryOf(request).text('platform'));
    if (platform !== '') checkPlatform(await images.get(name), name, platform);
    sendJson(reply, historyView(await images.history(name)));
  });
  verbs.on('GET', 'json', async (name, request, reply) =>
    sendJson(reply, await inspect(backend, name, queryOf(request), versionOf(request))),
  );
  verbs.on('POST', 'tag', async (name, request, reply) => {
    const query = queryOf(request);
    await tagImage(backend, name, query.text('repo'), query.text('tag'));
    sendEmpty(reply, 201);
  });
}

async function tagImage({ images, events }: Backend, name: string, repo: string, tag: string): Promise<void> {
  const target = parseReference(tag === '' ? repo : `${repo}:${tag}`);
  if (target.digest !== undefined)
    throw new StrataError('invalid_argument', 'refusing to create a tag with a digest reference');
  await images.tag(name, withDefaultTag(target));
  const image = await images.get(name);
  publishImage(events, 'tag', { id: image.id, name: familiarName(withDefaultTag(target)) }, image);
}

async function listImages(images: Images, filters: Filters, legacy: string, all: boolean) {
  const dangling = filters.flag('dangling');
  const references = legacy === '' ? filters.values('reference') : [legacy];
  const until = parseMoment(filters.values('until')[0] ?? '');
  const beforeImage = filters.values('before')[0];
  const since = filters.values('since')[0];
  const filter: ImageFilter = {
    hideIntermediate: !all,
    ...(dangling !== undefined && { dangling }),
    labels: filters.labels,
    ...(references.length > 0 && { references }),
    ...(beforeImage !== undefined && { before: beforeImage }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until: until * 1000 }),
  };
  const found = await images.list(filter);
  return [...found].sort((a, b) => b.createdAt - a.createdAt);
}

async function inspect(backend: Backend, name: string, query: Query, version: string): Promise<unknown> {
  const platform = platformText(query.text('platform'));
  if (platform !== '' && query.flag('manifests'))
    throw new StrataError('invalid_argument', 'conflicting options: manifests and platform options cannot both be set');
  const image = await backend.images.get(name);
  checkPlatform(image, name, platform);
  return inspectImage(image, {
    graph: graphData(image.snapshot ? backend.snapshots.stack(image.snapshot) : []),
    version,
    comment: image.config.history?.at(-1)?.comment ?? '',
  });
}

async function sharedSizes(images: Images): Promise<ReadonlyMap<string, number>> {
  const usage = await images.diskUsage();
  return new Map(usage.images.map((row) => [row.id, row.sharedSize]));
}
