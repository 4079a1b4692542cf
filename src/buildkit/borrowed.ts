import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join, posix } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { BuildRequest } from '../wire/index.ts';
import { callOnce, openCall } from './rpc-client.ts';
import type { ClientSession } from './session.ts';
import { BytesMessageSchema, CheckAgentRequestSchema, SSH } from './wire/ssh_pb.ts';

/** What a build may use of the client's own: kept in memory for as long as the build runs. */
export type Borrowed = Pick<BuildRequest, 'secrets' | 'ssh'>;

/**
 * Asks the client for the secrets and agents that the Dockerfile names. The builder wants them before it
 * begins; a name that the client does not know is left to the step that requires it.
 */
export async function borrow(
  session: ClientSession,
  dockerfile: string,
  parts: { readonly folder: string; readonly signal: AbortSignal },
): Promise<{ readonly request: Borrowed; close(): void }> {
  const { signal, folder } = parts;
  const mounts = [...dockerfile.matchAll(/--mount=(\S+)/g)].map((match) => fieldsOf(match[1]!));
  const of = (type: string) => mounts.filter((fields) => fields.get('type') === type);
  const secrets: { id: string; value: string }[] = [];
  const secretIDs = of('secret').map((fields) => fields.get('id') ?? posix.basename(targetOf(fields) ?? ''));
  // Git contexts and ADD of private repositories use these by their well-known names.
  for (const id of new Set([...secretIDs, 'GIT_AUTH_TOKEN', 'GIT_AUTH_HEADER'])) {
    const value = id === '' ? undefined : await session.secret(id, signal);
    if (value) secrets.push({ id, value: Buffer.from(value).toString('base64') });
  }
  const servers: Server[] = [];
  const ssh: { id: string; socket: string }[] = [];
  for (const id of new Set(of('ssh').map((fields) => fields.get('id') ?? 'default'))) {
    const socket = join(folder, 'ssh', `${ssh.length}.sock`);
    const server = await forwardAgent(session, id, socket, signal);
    if (!server) continue;
    servers.push(server);
    ssh.push({ id, socket });
  }
  return {
    request: {
      ...(secrets.length > 0 && { secrets }),
      ...(ssh.length > 0 && { ssh }),
    },
    close: () => {
      for (const server of servers) server.close();
    },
  };
}

function fieldsOf(mount: string): Map<string, string> {
  return new Map(
    mount.split(',').map((field) => {
      const at = field.indexOf('=');
      return at < 0 ? [field, ''] : [field.slice(0, at), field.slice(at + 1)];
    }),
  );
}

function targetOf(fields: ReadonlyMap<string, string>): string | undefined {
  return fields.get('target') ?? fields.get('dst') ?? fields.get('destination');
}

/** A socket here that is the client's agent there; undefined when the client has none of that id. */
async function forwardAgent(
  session: ClientSession,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<Server | undefined> {
  const request = create(CheckAgentRequestSchema, { ID: id });
  const known = await callOnce(session.connection, SSH.method.checkAgent, request, signal).catch(() => undefined);
  if (!known) return undefined;
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  const server = createServer((connection) => {
    const call = openCall(session.connection, SSH.method.forwardAgent, { 'buildkit.ssh.id': id }, signal);
    connection.on('error', () => connection.destroy());
    connection.on('data', (data: Buffer) => {
      connection.pause();
      void call.send(create(BytesMessageSchema, { data })).then(() => connection.resume());
    });
    connection.once('close', () => call.cancel());
    void (async () => {
      for await (const { data } of call.output) connection.write(data);
    })()
      .catch(() => undefined)
      .finally(() => connection.end());
  });
  await new Promise<void>((resolve, reject) => {
    // Later ones concern one connection.
    server.on('error', reject);
    server.listen(path, resolve);
  });
  return server;
}
