import type { FastifyInstance } from 'fastify';
import { countUses, volumeUsers } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import { rootSize, shownImage } from '../container-facts.ts';
import { sendJson } from '../reply.ts';
import { queryOf, versionOf } from '../server.ts';
import type { ApiBackend } from '../types.ts';
import { cacheRecordView } from '../views/cache-record.ts';
import { summarizeContainer } from '../views/container-summary.ts';
import { summarizeImage } from '../views/image.ts';
import { volumeView } from '../views/volume.ts';

type Backend = Pick<ApiBackend, 'images' | 'containers' | 'volumes' | 'builder' | 'networks'>;

const kinds = ['image', 'container', 'volume', 'build-cache'];

/** `GET /system/df`; `type` leaves out what was not asked for. */
export function addDiskUsageRoute(app: FastifyInstance, backend: Backend): void {
  app.get('/system/df', async (request, reply) => {
    const asked = queryOf(request).all('type');
    const unknown = asked.find((kind) => !kinds.includes(kind));
    if (unknown !== undefined) throw new StrataError('invalid_argument', `unknown object type: ${unknown}`);
    const wants = (kind: string) => asked.length === 0 || asked.includes(kind);
    const [images, containers, volumes, cache] = await Promise.all([
      wants('image') ? imageUsage(backend, versionOf(request)) : {},
      wants('container') ? containerUsage(backend) : {},
      wants('volume') ? volumeUsage(backend) : {},
      wants('build-cache') ? cacheUsage(backend, versionOf(request)) : {},
    ]);
    const none = { LayersSize: 0, Images: null, Containers: null, Volumes: null, BuildCache: null };
    sendJson(reply, { ...none, ...images, ...containers, ...volumes, ...cache });
  });
}

async function imageUsage({ images, containers }: Backend, version: string): Promise<object> {
  const [list, usage] = await Promise.all([images.list({ hideIntermediate: true }), images.diskUsage()]);
  const shared = new Map(usage.images.map((row) => [row.id, row.sharedSize]));
  const uses = countUses(containers);
  const Images = list.map((image) =>
    summarizeImage(image, { containers: uses.get(image.id) ?? 0, sharedSize: shared.get(image.id) ?? 0, version }),
  );
  return { LayersSize: usage.layersSize, Images };
}

async function containerUsage({ containers, images, networks }: Backend): Promise<object> {
  const rows = containers.list().map(async (container) =>
    summarizeContainer(container, {
      networks: networks.list(),
      annotations: true,
      image: await shownImage(images, container),
      sizes: { rw: await containers.size(container.id), rootFs: await rootSize(images, container) },
    }),
  );
  return { Containers: await Promise.all(rows) };
}

async function volumeUsage({ volumes, containers }: Backend): Promise<object> {
  const users = volumeUsers(containers);
  const rows = volumes
    .list()
    .map(async (volume) =>
      volumeView(volume, { RefCount: users.get(volume.name)?.length ?? 0, Size: await volumes.size(volume.name) }),
    );
  return { Volumes: await Promise.all(rows) };
}

async function cacheUsage({ builder }: Backend, version: string): Promise<object> {
  return { BuildCache: (await builder.cache.list()).map((record) => cacheRecordView(record, version)) };
}
