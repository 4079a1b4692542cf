import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { getGlobalDispatcher, interceptors, request } from 'undici';
import type { ByteStream } from '../content/index.ts';
import { publishImage } from '../engine/index.ts';
import { StrataError } from '../errors/index.ts';
import { familiarName, parsePlatform, parseReference, withDefaultTag } from '../oci/index.ts';
import { networkError } from '../registry/index.ts';
import { bodyStream } from './body.ts';
import { applyChanges } from './changes.ts';
import { platformText } from './platform-text.ts';
import { queryOf } from './server.ts';
import { openMessages } from './stream-reply.ts';
import type { ApiBackend } from './types.ts';

/** `POST /images/create?fromSrc=…`: an image of one layer, from the body (`-`) or from a URL. */
export async function importImage(
  { images, events }: Pick<ApiBackend, 'images' | 'events'>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const query = queryOf(request);
  const source = query.text('fromSrc');
  if (source === '') throw new StrataError('invalid_argument', 'one of fromImage and fromSrc must be given');
  const repo = query.text('repo');
  const tag = query.text('tag');
  const name = repo === '' ? undefined : withDefaultTag(parseReference(tag === '' ? repo : `${repo}:${tag}`));
  const platform = platformText(query.text('platform'));
  const config = applyChanges({}, query.all('changes'));
  const messages = openMessages(reply);
  try {
    const image = await images.import(await openSource(source, bodyStream(request), messages.signal), {
      config,
      message: query.text('message') || `Imported from ${source}`,
      signal: messages.signal,
      ...(name && { name }),
      ...(platform !== '' && { platform: parsePlatform(platform) }),
    });
    if (name) publishImage(events, 'tag', { id: image.id, name: familiarName(name) }, image);
    publishImage(events, 'import', { id: image.id, name: image.id }, image);
    messages.message({ status: image.id });
    messages.end();
  } catch (error) {
    messages.fail(error);
  }
  return reply;
}

async function openSource(source: string, body: Readable, signal: AbortSignal): Promise<ByteStream> {
  if (source === '-') return body;
  const text = /^https?:\/\//.test(source) ? source : `http://${source}`;
  const url = URL.parse(text);
  if (!url) throw new StrataError('invalid_argument', `${JSON.stringify(text)} is no URL`);
  // Not `fetch`, which knows of ports that no browser goes to.
  const dispatcher = getGlobalDispatcher().compose(interceptors.redirect({ maxRedirections: 10 }));
  const answer = await request(url, { dispatcher, signal }).catch((error: unknown) => {
    throw networkError('GET', url, error);
  });
  if (answer.statusCode >= 200 && answer.statusCode < 300) return answer.body;
  answer.body.on('error', () => {}).destroy();
  throw new StrataError('unavailable', `failed to GET ${text} with status ${answer.statusCode}`);
}
