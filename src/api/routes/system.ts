import { release } from 'node:os';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { version } from '../../engine/index.ts';
import { hostPlatform } from '../../oci/index.ts';
import { sendJson } from '../reply.ts';
import type { ApiBackend } from '../types.ts';
import { apiVersion, minApiVersion } from '../version.ts';

type Backend = Pick<ApiBackend, 'info' | 'containers' | 'images'>;

export function addSystemRoutes(app: FastifyInstance, backend: Backend): void {
  app.get('/_ping', async (_request, reply) => ping(reply).send('OK'));
  app.head('/_ping', async (_request, reply) => ping(reply).header('content-length', 0).send());
  app.get('/version', async (_request, reply) => sendJson(reply, versionView(await backend.info())));
  app.get('/info', async (_request, reply) => sendJson(reply, await infoView(backend)));
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
  const BuildTime = '';
  return {
    Platform: { Name: 'Strata' },
    Version: version,
    ...facts,
    KernelVersion,
    BuildTime,
    Components: [
      {
        Name: 'Engine',
        Version: version,
        Details: { ...facts, BuildTime, Experimental: 'false', KernelVersion },
      },
      { Name: String(info['DefaultRuntime'] ?? 'crun'), Version: runtimeVersion(info), Details: { GitCommit: '' } },
      { Name: 'node', Version: process.versions.node, Details: { GitCommit: '' } },
    ],
  };
}

function runtimeVersion(info: Readonly<Record<string, unknown>>): string {
  const commit = info['RuncCommit'] as { ID?: unknown } | undefined;
  return typeof commit?.ID === 'string' ? commit.ID : '';
}

/** Fields that every client may rely on; the engine's own facts stand above them. */
const infoDefaults: Readonly<Record<string, unknown>> = {
  ID: '',
  Driver: 'overlay2',
  DriverStatus: [],
  Plugins: {
    Volume: ['local'],
    Network: ['bridge', 'host', 'null'],
    Authorization: null,
    Log: ['json-file', 'none'],
  },
  MemoryLimit: true,
  SwapLimit: true,
  CpuCfsPeriod: true,
  CpuCfsQuota: true,
  CPUShares: true,
  CPUSet: true,
  PidsLimit: true,
  IPv4Forwarding: true,
  Debug: false,
  NFd: 0,
  OomKillDisable: false,
  NGoroutines: 0,
  LoggingDriver: 'json-file',
  CgroupDriver: 'cgroupfs',
  CgroupVersion: '2',
  NEventsListener: 0,
  OSVersion: '',
  OSType: 'linux',
  IndexServerAddress: 'https://index.docker.io/v1/',
  GenericResources: null,
  HttpProxy: '',
  HttpsProxy: '',
  NoProxy: '',
  Labels: [],
  ExperimentalBuild: false,
  Runtimes: {},
  DefaultRuntime: 'crun',
  Swarm: {
    NodeID: '',
    NodeAddr: '',
    LocalNodeState: 'inactive',
    ControlAvailable: false,
    Error: '',
    RemoteManagers: null,
  },
  LiveRestoreEnabled: true,
  Isolation: '',
  InitBinary: '',
  ContainerdCommit: { ID: '' },
  RuncCommit: { ID: '' },
  InitCommit: { ID: '' },
  SecurityOptions: [],
  CDISpecDirs: [],
  Warnings: null,
};

async function infoView(backend: Backend): Promise<Record<string, unknown>> {
  const [facts, images] = await Promise.all([backend.info(), backend.images.list()]);
  const containers = backend.containers.list();
  const count = (...statuses: string[]) => containers.filter(({ state }) => statuses.includes(state.status)).length;
  return {
    ...infoDefaults,
    ...facts,
    Containers: containers.length,
    ContainersRunning: count('running', 'restarting'),
    ContainersPaused: count('paused'),
    ContainersStopped: count('created', 'exited', 'dead', 'removing'),
    Images: images.length,
    SystemTime: new Date().toISOString(),
    ServerVersion: version,
  };
}
