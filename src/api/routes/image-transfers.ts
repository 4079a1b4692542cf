import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { publishImage } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import {
  familiarName,
  familiarRepository,
  isDigest,
  parsePlatform,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../../oci/index.ts';
import type { TransferEvent } from '../../progress/index.ts';
import { checkPlatform } from '../check-platform.ts';
import type { ImageVerbs } from '../image-verbs.ts';
import { importImage } from '../import-image.ts';
import { platformText } from '../platform-text.ts';
import { registryAuth } from '../registry-auth.ts';
import { queryOf } from '../server.ts';
import { openMessages } from '../stream-reply.ts';
import type { ApiBackend } from '../types.ts';
import { transferMessage } from '../views/transfer.ts';

type Backend = Pick<ApiBackend, 'transfers' | 'images' | 'events'>;

/** Pull (`POST /images/create`), import (the same with `fromSrc`) and push. */
export function addImageTransferRoutes(app: FastifyInstance, verbs: ImageVerbs, backend: Backend): void {
  app.post('/images/create', async (request, reply) => {
    const query = queryOf(request);
    if (query.text('fromImage') === '') return await importImage(backend, request, reply);
    await pull(backend, request, reply, pullReference(query.text('fromImage'), query.text('tag')));
    return reply;
  });
  verbs.on('POST', 'push', (name, request, reply) => push(backend, name, request, reply));
}

/** A name without a tag means all tags of the repository: `docker pull --all-tags`; for one, the client gives `latest`. */
function pullReference(name: string, tag: string): Reference {
  if (tag === '') return parseReference(name);
  if (isDigest(tag)) return parseReference(`${name.split('@')[0]}@${tag}`);
  const { tag: _given, ...ref } = parseReference(name);
  return parseReference(`${familiarRepository(ref)}:${tag}`);
}

async function pull(backend: Backend, request: FastifyRequest, reply: FastifyReply, ref: Reference): Promise<void> {
  const platform = platformText(queryOf(request).text('platform'));
  const auth = registryAuth(request);
  const messages = openMessages(reply);
  const name = familiarName(ref);
  // The opening line waits for the second one: a pull that finds no image is then an HTTP error, which clients act on.
  const held: TransferEvent[] = [];
  const release = () => {
    for (const event of held.splice(0)) messages.message(transferMessage(event));
  };
  try {
    await backend.transfers.pull(ref, {
      signal: messages.signal,
      allTags: ref.tag === undefined && ref.digest === undefined,
      progress(event) {
        if (!messages.started && event.status.startsWith('Pulling from ')) {
          held.push(event);
          return;
        }
        release();
        messages.message(transferMessage(event));
      },
      ...(auth && { auth }),
      ...(platform !== '' && { platform: parsePlatform(platform) }),
    });
    release();
    const actor = { id: name, name: familiarRepository(ref) };
    publishImage(backend.events, 'pull', actor, await backend.images.find(name));
    messages.end();
  } catch (error) {
    messages.fail(error);
  }
}

async function push(backend: Backend, name: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const query = queryOf(request);
  const tag = query.text('tag');
  const platform = platformText(query.text('platform'));
  if (platform !== '') parsePlatform(platform);
  const auth = registryAuth(request);
  const base = parseReference(name);
  const refs = await pushReferences(backend, base, tag);
  for (const ref of refs) {
    const image = await backend.images.find(familiarName(ref));
    if (image) checkPlatform(image, familiarName(ref), platform);
  }
  const messages = openMessages(reply);
  messages.message({ status: `The push refers to repository [${base.domain}/${base.path}]` });
  try {
    for (const ref of refs) {
      await pushOne(backend, ref, messages.signal, (event) => messages.message(transferMessage(event)), {
        ...(auth && { auth }),
        ...(platform !== '' && { platform: parsePlatform(platform) }),
      }).then((aux) => messages.message({ progressDetail: {}, aux }));
      const actor = { id: familiarName(ref), name: familiarRepository(ref) };
      publishImage(backend.events, 'push', actor, await backend.images.find(actor.id));
    }
    messages.end();
  } catch (error) {
    messages.fail(error);
  }
}

/** One name, or with no tag given every tag of the repository (`docker push --all-tags`). */
async function pushReferences(backend: Backend, base: Reference, tag: string): Promise<readonly Reference[]> {
  if (base.digest !== undefined) throw new StrataError('invalid_argument', 'cannot push a digest reference');
  if (tag !== '') return [parseReference(`${familiarRepository(base)}:${tag}`)];
  if (base.tag !== undefined) return [base];
  const prefix = `${base.domain}/${base.path}:`;
  const images = await backend.images.list();
  const names = images.flatMap((image) => image.names.filter((name) => name.startsWith(prefix)));
  return names.length > 0 ? names.sort().map(parseReference) : [withDefaultTag(base)];
}

async function pushOne(
  backend: Backend,
  ref: Reference,
  signal: AbortSignal,
  progress: (event: TransferEvent) => void,
  options: object,
): Promise<{ Tag: string; Digest: string; Size: number }> {
  let told = false;
  const { digest, size } = await backend.transfers.push(ref, {
    ...options,
    signal,
    progress(event) {
      told ||= event.status.includes('digest:');
      progress(event);
    },
  });
  if (!told) progress({ status: `${ref.tag}: digest: ${digest} size: ${size}` });
  return { Tag: ref.tag ?? '', Digest: digest, Size: size };
}
