import { toBinary } from '@bufbuild/protobuf';
import { StrataError } from '../errors/index.ts';
import type { BuildEvent } from '../progress/index.ts';
import type { BuildRequest, BuildResult, ContextSource } from '../wire/index.ts';
import { destinationsOf } from './attributes.ts';
import { type JobParts, runJob } from './job.ts';
import type { ClientSession, Sessions } from './session.ts';
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
  const render = createStatusRenderer();
  const progress = (event: BuildEvent) => {
    const status = render(event);
    if (status) to.trace(toBinary(StatusResponseSchema, status));
  };
  const isOnItsOwn = context.kind !== 'client-session' && destinations.every(({ toClient }) => !toClient);
  const client = await findClient(sessions, session, signal, isOnItsOwn);
  if (client) {
    const { dockerfile } = request;
    const filename = dockerfile && 'path' in dockerfile ? dockerfile.path : '';
    const given = context.kind === 'client-session' ? {} : { context };
    const task = { options: { filename }, wanted: request, destinations, ...given };
    return await runJob(parts, client, task, { signal, progress });
  }
  if (context.kind === 'client-session') throw new Error('the folder of a client without a session');
  const outputs = destinations.map((destination) => destination.output);
  const result = await parts.builder.build({ ...request, context, outputs }, { signal, progress });
  await parts.onBuilt(result);
  return result;
}

/** A build that needs nothing of its client goes on without its session. */
async function findClient(
  sessions: Sessions,
  session: string,
  signal: AbortSignal,
  isOnItsOwn: boolean,
): Promise<ClientSession | undefined> {
  if (session === '' && isOnItsOwn) return undefined;
  if (session === '')
    throw new StrataError('invalid_argument', 'no active sessions', {
      hint: 'files of the client come and go over POST /session: name the session as `session`',
    });
  try {
    return await sessions.find(session, signal);
  } catch (error) {
    if (isOnItsOwn && !signal.aborted) return undefined;
    throw error;
  }
}
