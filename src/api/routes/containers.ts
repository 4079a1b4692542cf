import type { FastifyInstance } from 'fastify';
import { type Container, type CreateContainer, isRunning } from '../../container/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import { detectedPlatform, formatPlatform, hostPlatform, parsePlatform, platformMatches } from '../../oci/index.ts';
import { readJson } from '../body.ts';
import { rootSize, shownImage } from '../container-facts.ts';
import { containerFilters, createContainerFilter } from '../container-filter.ts';
import { hasOwnAddress, withContainerMac } from '../container-mac.ts';
import { readFilters } from '../filters.ts';
import { graphData } from '../graph-data.ts';
import { endpointsAsMeant, hostAsMeant } from '../older-creates.ts';
import { platformText } from '../platform-text.ts';
import { sendEmpty, sendJson } from '../reply.ts';
import { queryOf, versionOf } from '../server.ts';
import { createRequest } from '../shapes/container.ts';
import { parseMoment } from '../time.ts';
import type { ApiBackend } from '../types.ts';
import { assertSupportedHost } from '../unsupported-host.ts';
import { before } from '../version.ts';
import { createFields, withKnownFields } from '../version-history.ts';
import { inspectContainer } from '../views/container-inspect.ts';
import { summarizeContainer } from '../views/container-summary.ts';

type Backend = Pick<ApiBackend, 'containers' | 'images' | 'networks' | 'snapshots' | 'events'>;
type ById = { Params: { id: string } };

export function addContainerRoutes(app: FastifyInstance, backend: Backend): void {
  const { containers, images, networks } = backend;

  app.get('/containers/json', async (request, reply) => {
    const query = queryOf(request);
    const filters = readFilters(query, containerFilters);
    const limit = query.int('limit') ?? -1;
    const everything =
      query.flag('all') || limit > 0 || filters.has('status') || filters.has('exited') || filters.has('health');
    const keep = await createContainerFilter(filters, backend);
    const found = containers
      .list()
      .filter((container) => everything || isRunning(container))
      .sort((a, b) => Date.parse(b.created) - Date.parse(a.created))
      .filter(keep);
    const rows = (limit > 0 ? found.slice(0, limit) : found).map(async (container) =>
      summarizeContainer(container, {
        networks: networks.list(),
        annotations: !before(versionOf(request), 'listedAnnotations'),
        image: await shownImage(images, container),
        ...(query.flag('size') && { sizes: await sizes(backend, container) }),
      }),
    );
    sendJson(reply, await Promise.all(rows));
  });

  app.get<ById>('/containers/:id/json', async (request, reply) => {
    const container = containers.get(request.params.id);
    const active = await backend.snapshots.active(container.snapshot).catch(() => undefined);
    const stack = active?.parent ? backend.snapshots.remaining(active.parent) : [];
    sendJson(
      reply,
      inspectContainer(container, {
        networks: networks.list(),
        execIDs: containers.exec.ids(container.id),
        ownAliases: before(versionOf(request), 'plainAliases'),
        graph: graphData(stack, active && { upper: active.diffDir, merged: containers.rootPath(container.id) }),
        ...(queryOf(request).flag('size') && { sizes: await sizes(backend, container) }),
      }),
    );
  });

  app.post('/containers/create', async (request, reply) => {
    const query = queryOf(request);
    const version = versionOf(request);
    const given = await readJson(request, createRequest, { required: true });
    const { HostConfig, NetworkingConfig, ...config } = withKnownFields(given, createFields, version);
    if (Object.keys(config).length === 0) {
      throw new StrataError('invalid_argument', 'config cannot be empty in order to create a container');
    }
    const host = hostAsMeant((HostConfig ?? {}) as CreateContainer['host'], version);
    assertSupportedHost(host);
    const platform = platformText(query.text('platform'));
    let image: Image | undefined;
    const findImage = async () => {
      if (!config.Image) return null;
      image = await images.get(config.Image);
      assertPlatform(image, config.Image, platform);
      return { id: image.id, snapshot: image.snapshot, config: image.config.config ?? {} };
    };
    const name = query.text('name');
    const { MacAddress: mac = '', ...withoutMac } = config;
    const { endpoints, warnings: early } = withContainerMac(
      endpointsAsMeant(NetworkingConfig?.EndpointsConfig as CreateContainer['endpoints'], version),
      { mac, mode: host.NetworkMode || 'default', version },
    );
    const { container, warnings } = await containers.create({
      config: hasOwnAddress(host.NetworkMode ?? '') ? config : withoutMac,
      host,
      image: findImage,
      ...(before(version, 'recursiveReadOnly') && { readOnlyTopOnly: true }),
      ...(name !== '' && { name: name.replace(/^\/(?=.)/, '') }),
      ...(endpoints && { endpoints }),
    });
    if (image) images.touch(image.id);
    const foreign = image && platform === '' ? foreignWarnings(image.config) : [];
    sendJson(reply, { Id: container.id, Warnings: [...foreign, ...early, ...warnings] }, 201);
  });

  app.delete<ById>('/containers/:id', async (request, reply) => {
    const query = queryOf(request);
    if (query.flag('link'))
      throw new StrataError('conflict', 'Conflict, cannot remove the default link name of the container');
    await containers.remove(request.params.id, { force: query.flag('force'), volumes: query.flag('v') });
    sendEmpty(reply);
  });

  app.post('/containers/prune', async (request, reply) => {
    const filters = readFilters(queryOf(request), ['label', 'label!', 'until']);
    const until = parseMoment(filters.values('until')[0] ?? '');
    const { deleted, reclaimed } = await containers.prune({
      labels: filters.labels,
      ...(until !== undefined && { until: until * 1000 }),
    });
    backend.events.publish({
      Type: 'container',
      Action: 'prune',
      Actor: { ID: '', Attributes: { reclaimed: String(reclaimed) } },
    });
    sendJson(reply, { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed });
  });
}

async function sizes({ containers, images }: Backend, container: Container): Promise<{ rw: number; rootFs: number }> {
  const [rw, image] = await Promise.all([containers.size(container.id), rootSize(images, container)]);
  return { rw, rootFs: rw + image };
}

/** In Docker's words. */
function foreignWarnings(have: Image['config']): readonly string[] {
  if (platformMatches(hostPlatform(), have)) return [];
  return [
    `The requested image's platform (${formatPlatform(have)}) does not match the detected host platform (${formatPlatform(detectedPlatform())}) and no specific platform was requested`,
  ];
}

function assertPlatform(image: Image, name: string, platform: string): void {
  if (platform === '') return;
  const { os, architecture } = image.config;
  const asked = parsePlatform(platform);
  if (platformMatches(asked, image.config)) return;
  throw new StrataError(
    'not_found',
    `image with reference ${name} was found but its platform (${os}/${architecture}) does not match the specified platform (${formatPlatform(asked)})`,
    { code: 'wrong_platform' },
  );
}
