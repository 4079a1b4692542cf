import { posix } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { resolveUser } from '../../account/index.ts';
import type { Container } from '../../container/index.ts';
import { containerEvent, mountEvents } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import { archiveTree } from '../../layer/index.ts';
import { bodyStream } from '../body.ts';
import {
  assertFolder,
  assertWritable,
  notInContainer,
  type PathStat,
  type Place,
  statPlace,
  withPlace,
} from '../container-path.ts';
import { sendEmpty } from '../reply.ts';
import { queryOf } from '../server.ts';
import { openStream, pipeOut } from '../stream-reply.ts';
import type { ApiBackend } from '../types.ts';

type Backend = Pick<ApiBackend, 'containers' | 'events' | 'layers'>;
type ById = { Params: { id: string } };

const statHeader = 'X-Docker-Container-Path-Stat';

/** `docker cp` and `docker export`. */
export function addContainerArchiveRoutes(app: FastifyInstance, { containers, events, layers }: Backend): void {
  app.head<ById>('/containers/:id/archive', async (request, reply) => {
    const { container, path } = asked(request);
    const stat = await withVolumes(container, path, async (place) => statPlace(place));
    if (!stat) throw notInContainer(request.params.id, path);
    reply.header(statHeader, encodeStat(stat));
    sendEmpty(reply, 200);
  });

  app.get<ById>('/containers/:id/archive', async (request, reply) => {
    const { container, path } = asked(request);
    await withVolumes(container, path, async (place) => {
      const stat = statPlace(place);
      if (!stat) throw notInContainer(request.params.id, path);
      const stream = openStream(reply, 'application/x-tar', { [statHeader]: encodeStat(stat) });
      const name = stat.name === '/' ? '/' : posix.basename(place.path);
      events.publish(containerEvent('archive-path', container));
      await pipeOut(stream, archiveTree(place.root, followed(place.path), { name }));
    });
    return reply;
  });

  app.put<ById>('/containers/:id/archive', async (request, reply) => {
    const { container, path } = asked(request);
    const query = queryOf(request);
    await withVolumes(container, path, async (place) => {
      assertFolder(place, request.params.id, path);
      assertWritable(container, place);
      const owner =
        query.flag('copyUIDGID') && container.config.User ? ownerOf(place.root, container.config.User) : undefined;
      await layers.extract(bodyStream(request), place.root, {
        compression: 'detect',
        target: place.path,
        noOverwriteDirNonDir: query.flag('noOverwriteDirNonDir'),
        ...(owner && { chown: owner }),
      });
      events.publish(containerEvent('extract-to-dir', container));
    });
    sendEmpty(reply, 200);
  });

  app.get<ById>('/containers/:id/export', async (request, reply) => {
    const container = containers.get(request.params.id);
    const stream = openStream(reply, 'application/octet-stream');
    await containers.withRoot(container.id, async (root) => {
      await pipeOut(stream, archiveTree(root, '/', { name: '', oneFileSystem: true }));
    });
    events.publish(containerEvent('export', container));
    return reply;
  });

  /** As Docker tells it, the volumes are mounted for each look at a path, also where they are already. */
  async function withVolumes<T>(container: Container, path: string, use: (place: Place) => Promise<T>): Promise<T> {
    for (const event of mountEvents('mount', container)) events.publish(event);
    try {
      return await withPlace(containers, container, path, use);
    } finally {
      for (const event of mountEvents('unmount', container)) events.publish(event);
    }
  }

  function asked(request: FastifyRequest<ById>): { container: Container; path: string } {
    const path = queryOf(request).text('path');
    if (path === '') throw new StrataError('invalid_argument', 'bad parameter: path cannot be empty');
    if (path.includes('\0') || path.length > 4096)
      throw new StrataError('invalid_argument', 'bad parameter: path is not valid');
    return { container: containers.get(request.params.id), path };
  }
}

function encodeStat(stat: PathStat): string {
  return Buffer.from(JSON.stringify(stat)).toString('base64');
}

/** A folder that was asked for with a trailing slash may be behind a link: `/.` makes the kernel follow it. */
function followed(path: string): string {
  return path.endsWith('/') && path !== '/' ? `${path}.` : path;
}

function ownerOf(root: string, user: string): { uid: number; gid: number } {
  const { uid, gid } = resolveUser(root, user, []);
  return { uid, gid };
}
