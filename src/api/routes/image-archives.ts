import type { FastifyInstance, FastifyReply } from 'fastify';
import { publishImage } from '../../engine/index.ts';
import { isKind, StrataError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import { familiarName, parsePlatform, parseReference, platformMatches } from '../../oci/index.ts';
import { lend } from '../../sys/index.ts';
import { bodyStream } from '../body.ts';
import type { ImageVerbs } from '../image-verbs.ts';
import { platformText } from '../platform-text.ts';
import { queryOf } from '../server.ts';
import { openMessages, openStream, pipeOut } from '../stream-reply.ts';
import type { ApiBackend } from '../types.ts';
import { transferMessage } from '../views/transfer.ts';

type Backend = Pick<ApiBackend, 'images' | 'events'>;

/** `docker save` and `docker load`. */
export function addImageArchiveRoutes(app: FastifyInstance, verbs: ImageVerbs, backend: Backend): void {
  app.get('/images/get', async (request, reply) => {
    const query = queryOf(request);
    const names = query
      .all('names')
      .flatMap((text) => text.split(','))
      .filter((name) => name !== '');
    if (names.length === 0) throw new StrataError('invalid_argument', 'no images given: `names` is empty');
    await save(backend, names, query.text('platform'), reply);
    return reply;
  });
  verbs.on('GET', 'get', (name, request, reply) => save(backend, [name], queryOf(request).text('platform'), reply));

  app.post('/images/load', async (request, reply) => {
    const query = queryOf(request);
    const quiet = query.flag('quiet', true);
    const platform = platformText(query.text('platform'));
    const wanted = platform === '' ? undefined : parsePlatform(platform);
    const messages = openMessages(reply);
    try {
      const loaded = await backend.images.load(lend(bodyStream(request)), {
        signal: messages.signal,
        ...(wanted && { platform: wanted }),
        ...(!quiet && { progress: (event) => messages.message(transferMessage(event)) }),
      });
      for (const { id, name, replaced } of loaded) {
        const shown = name === undefined ? undefined : familiarName(parseReference(name));
        if (replaced !== undefined) {
          const stream = `The image ${shown} already exists, renaming the old one with ID ${replaced} to empty string\n`;
          messages.message({ stream });
        }
        publishImage(backend.events, 'load', { id, name: id }, await backend.images.find(id));
        messages.message({ stream: shown === undefined ? `Loaded image ID: ${id}\n` : `Loaded image: ${shown}\n` });
      }
      messages.end();
    } catch (error) {
      // Docker answers 200 and tells of the failure in the stream; its clients look for it there.
      messages.start();
      messages.fail(error);
    }
    return reply;
  });
}

/** Docker names here what was asked for, without the tag that was meant. */
async function savedImage({ images }: Backend, name: string): Promise<Image> {
  return await images.get(name).catch((error: unknown) => {
    if (!isKind(error, 'not_found')) throw error;
    throw new StrataError('not_found', `No such image: ${name}`, { code: 'image_not_found', cause: error });
  });
}

async function save(backend: Backend, names: readonly string[], platform: string, reply: FastifyReply): Promise<void> {
  const text = platformText(platform);
  const found = await Promise.all(names.map((name) => savedImage(backend, name)));
  for (const { config } of found) {
    if (text === '' || platformMatches(parsePlatform(text), config)) continue;
    throw new StrataError('not_found', `no suitable export target found for platform ${text}`);
  }
  const stream = openStream(reply, 'application/x-tar');
  const archive = await backend.images.save(names, {
    signal: stream.signal,
    ...(text !== '' && { platform: parsePlatform(text) }),
  });
  for (const image of found) publishImage(backend.events, 'save', { id: image.id, name: image.id }, image);
  await pipeOut(stream, archive);
}
