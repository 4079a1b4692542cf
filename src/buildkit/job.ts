import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Builder } from '../builder/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Layers } from '../layer/index.ts';
import { parseBool } from '../oci/index.ts';
import type { BuildEvent } from '../progress/index.ts';
import type { BuildRequest, BuildResult } from '../wire/index.ts';
import type { Task } from './attributes.ts';
import { borrow } from './borrowed.ts';
import { clientBlobs } from './client-blobs.ts';
import { type Contexts, fetchContexts } from './contexts.ts';
import { sendFile, sendFolder } from './send-files.ts';
import type { ClientSession } from './session.ts';

export interface JobParts {
  readonly builder: Pick<Builder, 'build' | 'sent'>;
  readonly layers: Pick<Layers, 'extract'>;
  /** Files of builds come below this folder; it is made, and belongs to this room. */
  readonly workRoot: string;
  /** Told of every image that was made. */
  readonly onBuilt: (result: BuildResult) => Promise<void>;
}

/** How clients call the store that takes a result. */
const resultStore = 'export';
const storeName = /^(?:export$|local:|oci:)/;

/** Docker Hub's own name for itself, under which clients keep its credentials. */
function hostOf(domain: string): string {
  return domain === 'docker.io' ? 'registry-1.docker.io' : domain;
}

/** One build for a client: its files come over the session, the result goes where its exporters say. */
export async function runJob(
  parts: JobParts,
  session: ClientSession,
  task: Task,
  to: {
    readonly progress: (event: BuildEvent) => void;
    readonly signal: AbortSignal;
    /** Until then the client may give the result to other builds. */
    readonly keepResult?: AbortSignal;
  },
): Promise<BuildResult> {
  const { signal } = to;
  const folder = join(parts.workRoot, randomBytes(8).toString('hex'));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const releases: (() => Promise<void>)[] = [];
  /** A folder that the client's next build finds again. */
  const keep = async (name: string) => {
    const { dir, release } = await parts.builder.sent.take(
      session.sharedKey === '' ? '' : `${session.sharedKey} ${name}`,
    );
    releases.push(release);
    return dir;
  };
  try {
    const { wanted } = task;
    const contexts = await loading(to, (progress) =>
      fetchContexts({ layers: parts.layers, folder, keep, session, signal, progress }, task),
    );
    const borrowed = await borrow(session, contexts.dockerfile ?? '', { folder, signal });
    try {
      const places = task.destinations.map(({ output, toClient }, i) => {
        if (!toClient) return { toClient, output };
        // Blob by blob into a store that the client serves; anything else is sent when it is whole.
        if (output.type === 'oci' && parseBool(output.attributes['tar'] ?? '') === false)
          return { toClient: false, output: { ...output, dest: resultStore } };
        return { toClient, output: { ...output, dest: join(folder, `output${i}`) } };
      });
      const request: BuildRequest = {
        ...wanted,
        ...contexts.request,
        ...borrowed.request,
        ...(wanted.call === undefined && { outputs: places.map(({ output }) => output) }),
      };
      // Of a Dockerfile that is not the client's own nobody knows yet which it names.
      const secretOf = (id: string) => session.secret(id, signal);
      const credentialsOf = (domain: string) => session.credentials(hostOf(domain), signal);
      const blobsOf = (name: string) => (storeName.test(name) ? clientBlobs(session, name, signal) : undefined);
      const result = await parts.builder.build(request, {
        ...to,
        blobsOf,
        credentialsOf,
        secretOf,
        bring: contexts.bring,
      });
      await parts.onBuilt(result);
      for (const [exporter, { toClient, output }] of places.entries()) {
        if (!toClient || wanted.call !== undefined) continue;
        const to = { session, exporter, signal };
        if (output.type === 'local') await sendFolder(to, output.dest!);
        else await sendFile(to, output.dest!);
      }
      return result;
    } finally {
      borrowed.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
    for (const release of releases) await release();
  }
}

/** The transfer as a step of its own, as people know it: what came, and how much. */
async function loading(
  to: { readonly progress: (event: BuildEvent) => void; readonly signal: AbortSignal },
  fetch: (progress: (what: string, bytes: number, done: boolean) => void) => Promise<Contexts>,
): Promise<Contexts> {
  const id = `sha256:${randomBytes(32).toString('hex')}`;
  const begun = new Set<string>();
  to.progress({ type: 'vertex', id, kind: 'internal', name: '[internal] load files from client' });
  to.progress({ type: 'started', id, at: Date.now() });
  try {
    const contexts = await fetch((status, current, done) => {
      begun.add(status);
      to.progress({ type: 'status', id, status: `${status}:`, current, unit: 'bytes', at: Date.now(), done });
    });
    to.progress({ type: 'completed', id, at: Date.now(), cached: false });
    return contexts;
  } catch (error) {
    const message = error instanceof StrataError ? error.message : String(error);
    to.progress({ type: 'failed', id, at: Date.now(), message });
    throw error;
  }
}
