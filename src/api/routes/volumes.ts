import type { FastifyInstance } from 'fastify';
import { volumeUsers } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { Volume } from '../../volume/index.ts';
import { readJson } from '../body.ts';
import { type Filters, readFilters } from '../filters.ts';
import { noSwarm } from '../no-swarm.ts';
import { sendEmpty, sendJson } from '../reply.ts';
import { queryOf, versionOf } from '../server.ts';
import { anything, map, object, text } from '../shape.ts';
import type { ApiBackend } from '../types.ts';
import { before } from '../version.ts';
import { volumeView } from '../views/volume.ts';

type Backend = Pick<ApiBackend, 'volumes' | 'containers' | 'events'>;
type ByName = { Params: { name: string } };

const createRequest = object({
  Name: text,
  Driver: text,
  DriverOpts: map(text),
  Labels: map(text, () => ''),
  ClusterVolumeSpec: anything,
});

export function addVolumeRoutes(app: FastifyInstance, backend: Backend): void {
  const { volumes, containers, events } = backend;
  const inUse = () => new Set(volumeUsers(containers).keys());

  app.get('/volumes', async (request, reply) => {
    const filters = readFilters(queryOf(request), ['dangling', 'driver', 'label', 'name']);
    const used = inUse();
    const found = volumes.list().filter((volume) => matches(volume, filters, used));
    sendJson(reply, { Volumes: found.map((volume) => volumeView(volume)), Warnings: null });
  });

  app.get<ByName>('/volumes/:name', async (request, reply) =>
    sendJson(reply, volumeView(volumes.get(request.params.name))),
  );

  app.post('/volumes/create', async (request, reply) => {
    const given = await readJson(request, createRequest);
    if (given.ClusterVolumeSpec !== undefined) throw noSwarm();
    const anonymous = !given.Name;
    const volume = await volumes.create({
      ...(given.Name && { name: given.Name }),
      ...(given.Driver && { driver: given.Driver }),
      ...(given.Labels && { labels: given.Labels }),
      ...(given.DriverOpts && { options: given.DriverOpts }),
      ...(anonymous && { anonymous }),
    });
    sendJson(reply, volumeView(volume), 201);
  });

  app.delete<ByName>('/volumes/:name', async (request, reply) => {
    const { name } = request.params;
    const force = queryOf(request).flag('force');
    const users = volumeUsers(containers).get(name);
    if (users) {
      throw new StrataError('conflict', `remove ${name}: volume is in use - [${users.join(', ')}]`, {
        code: 'volume_in_use',
      });
    }
    await volumes.remove(name, { inUse: inUse(), force });
    sendEmpty(reply);
  });

  app.put<ByName>('/volumes/:name', async () => {
    throw new StrataError('unavailable', 'volume update only valid for cluster volumes, but swarm is unavailable', {
      code: 'no_swarm',
    });
  });

  app.post('/volumes/prune', async (request, reply) => {
    const filters = readFilters(queryOf(request), ['all', 'label', 'label!']);
    const { deleted, reclaimed } = await volumes.prune({
      inUse: inUse(),
      // Named volumes went, too, before clients could ask for it.
      all: filters.flag('all') ?? before(versionOf(request), 'pruneOfAnonymousVolumes'),
      labels: filters.labels,
    });
    events.publish({
      Type: 'volume',
      Action: 'prune',
      Actor: { ID: '', Attributes: { reclaimed: String(reclaimed) } },
    });
    sendJson(reply, { VolumesDeleted: deleted, SpaceReclaimed: reclaimed });
  });
}

function matches(volume: Volume, filters: Filters, used: ReadonlySet<string>): boolean {
  const dangling = filters.flag('dangling');
  return (
    (dangling === undefined || dangling === !used.has(volume.name)) &&
    filters.exact('driver', volume.driver) &&
    filters.labels(volume.labels) &&
    (!filters.has('name') || filters.values('name').some((want) => volume.name.includes(want)))
  );
}
