import { rm } from 'node:fs/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DirectBuild } from '../buildkit/index.ts';
import { toStrataError } from '../errors/index.ts';
import type { BuildRequest } from '../wire/index.ts';
import { BuildUploads } from './build-uploads.ts';
import { buildOutput, remoteContext } from './classic-build-request.ts';
import type { LazyBuildKit } from './lazy-buildkit.ts';
import type { Query } from './query.ts';
import { sendEmpty } from './reply.ts';
import { openMessages } from './stream-reply.ts';
import type { ApiBackend } from './types.ts';
import { uploadedContext } from './uploaded-context.ts';

/** `POST /build?version=2`: answers with what BuildKit tells of a build, as lines of JSON around its own messages. */
export interface DirectBuilds {
  answer(
    options: Omit<BuildRequest, 'context'>,
    query: Query,
    http: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  ): Promise<void>;
  /** Ends the build that its client gave this id (`buildid`), if there is one. */
  cancel(id: string): void;
}

export function directBuilds(backend: Pick<ApiBackend, 'config'>, buildkit: LazyBuildKit): DirectBuilds {
  const uploads = new BuildUploads();
  const running = new Map<string, AbortController>();

  async function offerUpload(id: string, request: FastifyRequest): Promise<void> {
    const file = uploadedContext(backend, request).then(({ path }) => path);
    try {
      await uploads.offer(id, file);
    } catch (error) {
      await file.then(
        (path) => rm(path, { force: true }),
        () => undefined,
      );
      throw error;
    }
  }

  async function contextOf(query: Query, request: FastifyRequest): Promise<DirectBuild['context']> {
    const remote = query.text('remote');
    if (remote === 'client-session') return { kind: remote };
    if (remote === 'upload-request')
      return { kind: 'file', path: await uploads.take(query.text('buildid')), remove: true };
    return remoteContext(remote) ?? (await uploadedContext(backend, request));
  }

  return {
    cancel: (id) => running.get(id)?.abort(),
    async answer(options, query, { request, reply }) {
      const id = query.text('buildid');
      const upload = /^upload-request:(.+)$/s.exec(id)?.[1];
      if (upload !== undefined) {
        await offerUpload(upload, request);
        return sendEmpty(reply, 200);
      }
      const output = buildOutput(query);
      const stop = new AbortController();
      if (id !== '') running.set(id, stop);
      try {
        const context = await contextOf(query, request);
        const asked = { request: options, context, session: query.text('session'), output };
        await tell(await buildkit.open(), asked, { reply, stop: stop.signal, quiet: query.flag('q') });
      } finally {
        if (running.get(id) === stop) running.delete(id);
      }
    },
  };
}

async function tell(
  { build }: Awaited<ReturnType<LazyBuildKit['open']>>,
  asked: DirectBuild,
  { reply, stop, quiet }: { readonly reply: FastifyReply; readonly stop: AbortSignal; readonly quiet: boolean },
): Promise<void> {
  const messages = openMessages(reply);
  const signal = AbortSignal.any([messages.signal, stop]);
  // A quiet build tells what it held back only when it fails.
  const held: string[] = [];
  const trace = (message: Uint8Array) => {
    const aux = Buffer.from(message).toString('base64');
    if (quiet) held.push(aux);
    else messages.message({ id: 'moby.buildkit.trace', aux });
  };
  try {
    const { imageID } = await build(asked, { trace, signal });
    const isImage = asked.output === undefined || ['moby', 'image'].includes(asked.output.type);
    if (imageID !== undefined && isImage) {
      if (quiet) messages.message({ stream: `${imageID}\n` });
      else messages.message({ id: 'moby.image.id', aux: { ID: imageID } });
    }
    messages.end();
  } catch (thrown) {
    for (const aux of held) messages.message({ id: 'moby.buildkit.trace', aux });
    messages.fail(toStrataError(thrown));
  }
}
