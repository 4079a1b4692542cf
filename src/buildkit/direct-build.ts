import { toBinary } from '@bufbuild/protobuf';
import type { BuildRequest, BuildResult, ContextSource } from '../build/index.ts';
import { StrataError } from '../errors/index.ts';
import { destinationsOf } from './attributes.ts';
import { type JobParts, runJob } from './job.ts';
import type { Sessions } from './session.ts';
import { createStatusRenderer } from './status.ts';
import { StatusResponseSchema } from './wire/control_pb.ts';

/** A build that is asked for in one request of the Engine API, without BuildKit's own services. */
export interface DirectBuild {
  /** Without `outputs`. */
  readonly request: Omit<BuildRequest, 'context'>;
  readonly context: ContextSource | { readonly kind: 'client-session' };
  /** Name of the session that has the client's files, secrets and logins; '' where there is none. */
  readonly session: string;
  /** Default: an image of this engine. */
  readonly output?: { readonly type: string; readonly attrs: Readonly<Record<string, string>> } | undefined;
}

/** `trace` gets messages of `Control.Status`, encoded. */
export async function runDirectBuild(
  parts: JobParts,
  sessions: Sessions,
  { request, context, session, output = { type: 'moby', attrs: {} } }: DirectBuild,
  to: { readonly trace: (message: Uint8Array) => void; readonly signal: AbortSignal },
): Promise<BuildResult> {
  const { signal } = to;
  const destinations = destinationsOf({ exporters: output.type === 'cacheonly' ? [] : [output] });
  const isWithClient = context.kind === 'client-session' || destinations.some(({ toClient }) => toClient);
  if (session === '' && isWithClient)
    throw new StrataError('invalid_argument', 'no active sessions', {
      hint: 'files of the client come and go over POST /session: name the session as `session`',
    });
  const render = createStatusRenderer();
  const progress: Parameters<typeof runJob>[3]['progress'] = (event) => {
    const status = render(event);
    if (status) to.trace(toBinary(StatusResponseSchema, status));
  };
  if (session === '' && context.kind !== 'client-session') {
    const outputs = destinations.map((destination) => destination.output);
    const result = await parts.builder.build({ ...request, context, outputs }, { signal, progress });
    parts.onBuilt(result);
    return result;
  }
  const { dockerfile } = request;
  const filename = dockerfile && 'path' in dockerfile ? dockerfile.path : '';
  const task = {
    options: { filename },
    wanted: request,
    destinations,
    ...(context.kind !== 'client-session' && { context }),
  };
  const client = await sessions.find(session, signal);
  return await runJob(parts, client, task, { signal, progress });
}
