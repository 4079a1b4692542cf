import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import type { Builder } from '../builder/index.ts';
import { StrataError, toStrataError } from '../errors/index.ts';
import { hostPlatform } from '../oci/index.ts';
import type { BuildResult } from '../wire/index.ts';
import { type Asked, taskOf } from './attributes.ts';
import { rpcError } from './errors.ts';
import { type JobParts, runJob } from './job.ts';
import { type Job, Jobs } from './jobs.ts';
import { definitionOf, resultIn } from './kept-definition.ts';
import type { Sessions } from './session.ts';
import { Control, type SolveRequest, UsageRecordSchema } from './wire/control_pb.ts';
import { LLBBridge } from './wire/gateway_pb.ts';
import { WorkerRecordSchema } from './wire/worker_pb.ts';

export interface ServiceParts extends JobParts {
  readonly builder: Pick<Builder, 'build' | 'cache' | 'sent'>;
  readonly version: string;
}

/** What buildx must know to let the client run the frontend: gateway's caps.go. */
const capabilities = [
  'solve.base',
  'return',
  'returnmap',
  'proto.refarray',
  'importcaches',
  'frontend.caps',
  'gateway.solve.metadata',
  'gateway.solve.evaluate',
  'gateway.evaluate',
  'gateway.warnings',
  'reference.output',
  'frontend.inputs',
];

/**
 * By this label buildx tells an engine that keeps whole manifests from Docker's classic store: without it buildx refuses
 * what that one cannot do – several platforms, OCI archives, caches in a registry, a push by digest – before it asks.
 */
const snapshotterLabel = 'org.mobyproject.buildkit.worker.snapshotter';

export function addServices(router: ConnectRouter, parts: ServiceParts, sessions: Sessions): Jobs {
  const jobs = new Jobs();
  const version = { package: 'strata', version: parts.version, revision: '' };

  function worker() {
    const { os, architecture, variant } = hostPlatform();
    const platform = { OS: os, Architecture: architecture, ...(variant && { Variant: variant }) };
    const labels = { [snapshotterLabel]: 'overlayfs' };
    return create(WorkerRecordSchema, { ID: 'strata', labels, platforms: [platform], buildkitVersion: version });
  }

  async function build(
    job: Job,
    options: Readonly<Record<string, string>>,
    more: Partial<Asked>,
  ): Promise<BuildResult> {
    const request = await job.request.promise;
    const session = await sessions.find(request.session, job.stop.signal);
    const result = await runJob(parts, session, taskOf({ ...askedOf(request), options, ...more }), {
      progress: (event) => job.push(event),
      signal: job.stop.signal,
      keepResult: job.closed.signal,
    });
    job.result = result;
    return result;
  }

  router.service(Control, {
    info: () => ({ buildkitVersion: version }),
    listWorkers: () => ({ record: [worker()] }),
    solve: (request, context) =>
      answered(async () => {
        const job = jobs.get(request.ref);
        const stop = () => job.stop.abort();
        context.signal.addEventListener('abort', stop, { once: true });
        try {
          refuseGraph(request);
          job.request.resolve(request);
          if (request.frontend !== '') await build(job, request.frontendAttrs, {});
          else await Promise.race([job.returned.promise, gone(job.stop.signal)]);
          return { exporterResponse: responseOf(job.result) };
        } finally {
          context.signal.removeEventListener('abort', stop);
          jobs.remove(job);
        }
      }),
    async *status(request, context) {
      yield* jobs.get(request.ref).statuses(context.signal);
    },
    diskUsage: () =>
      answered(async () => ({
        record: (await parts.builder.cache.list()).map((record) =>
          create(UsageRecordSchema, {
            ID: record.id,
            mutable: record.type === 'exec.cachemount',
            inUse: record.inUse,
            size: BigInt(record.size),
            createdAt: timestampFromDate(new Date(record.createdAt)),
            ...(record.lastUsedAt !== null && { lastUsedAt: timestampFromDate(new Date(record.lastUsedAt)) }),
            usageCount: BigInt(record.usageCount),
            description: record.description,
            recordType: record.type,
            shared: record.shared,
            parents: [...record.parents],
          }),
        ),
      })),
    async *prune(request) {
      const before = await parts.builder.cache.list();
      const filters = new Map<string, string[]>();
      for (const filter of request.filter) {
        const [, key = '', value = ''] = /^([a-z]+)[=~]*(.*)$/.exec(filter) ?? [];
        filters.set(key, [...(filters.get(key) ?? []), value]);
      }
      const space = (bytes: bigint) => (bytes > 0n ? Number(bytes) : undefined);
      const [reservedSpace, maxUsedSpace, minFreeSpace] = [
        space(request.reservedSpace),
        space(request.maxUsedSpace),
        space(request.minFreeSpace),
      ];
      const { deleted } = await answered(() =>
        parts.builder.cache.prune({
          all: request.all,
          ...(request.keepDuration > 0n && { unusedFor: Number(request.keepDuration / 1_000_000_000n) }),
          ...(reservedSpace !== undefined && { reservedSpace }),
          ...(maxUsedSpace !== undefined && { maxUsedSpace }),
          ...(minFreeSpace !== undefined && { minFreeSpace }),
          ...(filters.size > 0 && { filters: Object.fromEntries(filters) }),
        }),
      );
      const gone = new Set(deleted);
      for (const { id, size, type } of before)
        if (gone.has(id)) yield create(UsageRecordSchema, { ID: id, size: BigInt(size), recordType: type });
    },
  });

  const jobOf = (context: HandlerContext) => jobs.get(context.requestHeader.get('buildkit-controlapi-buildid') ?? '');

  router.service(LLBBridge, {
    ping: (_request, context) =>
      answered(async () => {
        await jobOf(context).request.promise;
        const all = capabilities.map((ID) => ({ ID, enabled: true }));
        const llbCaps = [{ ID: 'exporter.multiple', enabled: true }];
        return { frontendApiCaps: all, llbCaps, workers: [worker()] };
      }),
    solve: (request, context) =>
      answered(async () => {
        refuseGraph(request);
        if (request.frontend === '') return { result: { result: { case: 'ref', value: { id: '' } } } };
        const cacheImports = request.cacheImports.map(({ type, attrs }) => ({ type, attrs }));
        const job = jobOf(context);
        const inputs = Object.entries(request.frontendInputs).flatMap(([name, definition]) => {
          const id = resultIn(definition);
          return id === undefined ? [] : [[name, id] as const];
        });
        const { sourcePolicy } = await job.request.promise;
        const more = {
          ...(cacheImports.length > 0 && { cacheImports }),
          inputs: Object.fromEntries(inputs),
          policies: [...(sourcePolicy ? [sourcePolicy] : []), ...request.sourcePolicies],
        };
        const { report, kept } = await build(job, request.frontendOpt, more).catch((error: unknown) => {
          job.failure = error;
          throw error;
        });
        const metadata = report ? reportOf(report) : {};
        const value = { id: report ? '' : 'result', ...(kept !== undefined && { def: definitionOf(kept) }) };
        return { result: { result: { case: 'ref', value }, metadata } };
      }),
    evaluate: () => ({}),
    inputs: () => ({}),
    return: (request, context) => {
      const { returned, failure } = jobOf(context);
      const { error } = request;
      if (error && error.code !== 0) returned.reject(failure ?? passedOn(error.code, error.message));
      else returned.resolve();
      return {};
    },
  });
  return jobs;
}

/** The graphs of other frontends have operations that are not this engine's. */
function refuseGraph({ definition, frontend }: Pick<SolveRequest, 'definition' | 'frontend'>): void {
  const hint = 'this engine builds from Dockerfiles (frontend dockerfile.v0)';
  if (frontend === '' && definition && definition.def.length > 0)
    throw new StrataError('unsupported', 'a build from an LLB definition is not supported', { hint });
  if (!['', 'dockerfile.v0', 'gateway.v0'].includes(frontend))
    throw new StrataError('unsupported', `frontend ${frontend} not found`, { hint });
}

function askedOf(request: SolveRequest): Omit<Asked, 'options'> {
  const exporters = request.exporters.map(({ type, attrs }) => ({ type, attrs }));
  if (exporters.length === 0 && request.exporterDeprecated !== '')
    exporters.push({ type: request.exporterDeprecated, attrs: request.exporterAttrsDeprecated });
  return {
    exporters,
    cacheImports: (request.cache?.imports ?? []).map(({ type, attrs }) => ({ type, attrs })),
    cacheExports: (request.cache?.exports ?? []).map(({ type, attrs }) => ({ type, attrs })),
    entitlements: request.entitlements,
    policies: request.sourcePolicy ? [request.sourcePolicy] : [],
  };
}

function responseOf(result: BuildResult | undefined): Record<string, string> {
  const response: Record<string, string> = {};
  for (const [key, value] of Object.entries(result?.metadata ?? {}))
    response[key] = typeof value === 'string' ? value : Buffer.from(JSON.stringify(value)).toString('base64');
  return response;
}

/** The answer of a subrequest, as metadata of its result. */
function reportOf(report: NonNullable<BuildResult['report']>): Record<string, Uint8Array> {
  return {
    'result.txt': Buffer.from(report.text),
    'result.json': Buffer.from(goJson(report.json)),
    'result.statuscode': Buffer.from(report.failed ? '1' : '0'),
    version: Buffer.from('1.0.0'),
  };
}

/** As Go writes JSON for people: indented, and safe to put into a page. */
function goJson(value: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, 2).replace(/[<>&\u2028\u2029]/g, escaped);
}

function passedOn(code: number, message: string): ConnectError {
  return new ConnectError(message, code as Code);
}

function gone(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const leave = () => reject(new StrataError('cancelled', 'context canceled'));
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
}

/** The one place where errors of this engine become gRPC's. */
async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ConnectError ? error : rpcError(toStrataError(error));
  }
}
