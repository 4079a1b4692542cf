import { release } from 'node:os';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { version } from '../../engine/index.ts';
import { hostPlatform } from '../../oci/index.ts';
import { byName } from '../by-name.ts';
import { sendJson } from '../reply.ts';
import { versionOf } from '../server.ts';
import type { ApiBackend } from '../types.ts';
import { apiVersion, minApiVersion } from '../version.ts';
import { infoView } from '../views/info.ts';

type Backend = Pick<ApiBackend, 'info'>;

export function addSystemRoutes(app: FastifyInstance, backend: Backend): void {
  app.get('/_ping', async (_request, reply) => ping(reply).send('OK'));
  app.head('/_ping', async (_request, reply) => ping(reply).header('content-length', 0).send());
  app.get('/version', async (_request, reply) => sendJson(reply, versionView(await backend.info())));
  app.get('/info', async (request, reply) => sendJson(reply, infoView(await backend.info(), versionOf(request))));
}

function ping(reply: FastifyReply): FastifyReply {
  return reply
    .header('Builder-Version', '1')
    .header('Cache-Control', 'no-cache, no-store, must-revalidate')
    .header('Pragma', 'no-cache')
    .header('Swarm', 'inactive')
    .header('content-type', 'text/plain; charset=utf-8');
}

function versionView(info: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const Arch = hostPlatform().architecture;
  const facts = {
    ApiVersion: apiVersion,
    MinAPIVersion: minApiVersion,
    GitCommit: '',
    GoVersion: '',
    Os: 'linux',
    Arch,
  };
  const KernelVersion = release();
  return {
    Platform: { Name: 'Strata' },
    Components: [
      {
        Name: 'Engine',
        Version: version,
        Details: byName({ ...facts, BuildTime: '', Experimental: 'false', KernelVersion }),
      },
      { Name: String(info['DefaultRuntime'] ?? 'crun'), Version: runtimeVersion(info), Details: { GitCommit: '' } },
      { Name: 'node', Version: process.versions.node, Details: { GitCommit: '' } },
    ],
    Version: version,
    ...facts,
    KernelVersion,
  };
}

function runtimeVersion(info: Readonly<Record<string, unknown>>): string {
  const commit = info['RuncCommit'] as { ID?: unknown } | undefined;
  return typeof commit?.ID === 'string' ? commit.ID : '';
}
