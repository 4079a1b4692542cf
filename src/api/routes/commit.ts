import type { FastifyInstance } from 'fastify';
import type { ContainerConfig } from '../../container/index.ts';
import { commitContainer, containerEvent, publishImage } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import { familiarName, parseReference, type RuntimeConfig, withDefaultTag } from '../../oci/index.ts';
import { readJson } from '../body.ts';
import { applyChanges } from '../changes.ts';
import { sendJson } from '../reply.ts';
import { queryOf } from '../server.ts';
import { containerConfig } from '../shapes/container.ts';
import type { ApiBackend } from '../types.ts';

type Backend = Pick<ApiBackend, 'containers' | 'images' | 'snapshots' | 'layers' | 'events'>;

export function addCommitRoute(app: FastifyInstance, backend: Backend): void {
  app.post('/commit', async (request, reply) => {
    const query = queryOf(request);
    if (query.text('container') === '') throw new StrataError('invalid_argument', 'invalid name or ID supplied: ""');
    const container = backend.containers.get(query.text('container'));
    const given = await readJson(request, containerConfig);
    const repo = query.text('repo');
    const tag = query.text('tag');
    const name = repo === '' ? undefined : withDefaultTag(parseReference(tag === '' ? repo : `${repo}:${tag}`));
    const config = applyChanges(imageConfig({ ...container.config, ...filled(given) }), query.all('changes'));
    const image = await commitContainer(backend, container, {
      config,
      comment: query.text('comment'),
      author: query.text('author'),
      pause: query.flag('pause', true),
      made(image) {
        publishImage(backend.events, 'create', { id: image.id, name: image.id }, image);
        if (name) publishImage(backend.events, 'tag', { id: image.id, name: familiarName(name) }, image);
        const imageRef = name ? familiarName(name) : '';
        const told = { comment: query.text('comment'), imageID: image.id, imageRef };
        backend.events.publish(containerEvent('commit', container, told));
      },
      ...(name && { name }),
    });
    sendJson(reply, { Id: image.id }, 201);
  });
}

/** What a client leaves empty does not override the container's own. */
function filled(given: object): object {
  const empty = (value: unknown) => value === '' || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(given).filter(([, value]) => !empty(value)));
}

/** The part of a container's configuration that an image has too. */
function imageConfig(config: ContainerConfig): RuntimeConfig {
  const names = [
    'User',
    'ExposedPorts',
    'Env',
    'Entrypoint',
    'Cmd',
    'Volumes',
    'WorkingDir',
    'Labels',
    'StopSignal',
    'Healthcheck',
    'OnBuild',
    'Shell',
    'StopTimeout',
  ] as const;
  // Empty maps are left out: they would stand in the image's configuration, and in its id.
  const empty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return Object.fromEntries(
    names.flatMap((name) => (config[name] === undefined || empty(config[name]) ? [] : [[name, config[name]]])),
  ) as RuntimeConfig;
}
