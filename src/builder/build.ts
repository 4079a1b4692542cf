import { StrataError, toStrataError } from '../errors/index.ts';
import { hostPlatform, parsePlatform } from '../oci/index.ts';
import type { BuildRequest, BuildResult } from '../wire/index.ts';
import type { Building } from './building.ts';
import type { BuiltStage } from './built.ts';
import { type OpenContext, openContext } from './contexts/open-context.ts';
import { readDockerfile } from './contexts/read-dockerfile.ts';
import { refuseLongArguments } from './dockerfile-bounds.ts';
import { exportAll } from './exporters/export.ts';
import { namingOf } from './exporters/names.ts';
import { epochOf, secretsOf } from './frontend/given.ts';
import { type Loaded, plansOf, type WantedPlatforms } from './frontend/plans.ts';
import { givenArguments } from './frontend/scope.ts';
import { FailedStep } from './ops/failed-step.ts';
import { found } from './ops/root-step.ts';
import type { Plant } from './plant.ts';
import { exportCaches } from './remote-cache/export.ts';
import { CacheSources } from './remote-cache/import.ts';
import { checkCacheOptions } from './remote-cache/options.ts';
import { answerCall } from './reports/call.ts';
import { basesOf, tellWarnings } from './reports/warnings.ts';
import { Session } from './session.ts';
import { solve } from './solver/solve.ts';
import { allowedBy, allowedContext, checkLocal } from './source-policy.ts';
import { StepImages, wantsStepImages } from './step-images.ts';
import type { BuildOptions } from './types.ts';
import { unhonoured } from './unhonoured.ts';
import { rootOf } from './value.ts';

/** One build from its request to its result. Whatever happens, nothing of it is left running or mounted. */
export async function runBuild(plant: Plant, request: BuildRequest, options: BuildOptions): Promise<BuildResult> {
  const steps = wantsStepImages(request) ? new StepImages(plant, request, options.progress) : undefined;
  const session = new Session(steps ? { ...options, progress: steps.progress } : options, plant.shop.now);
  const held = plant.held.open();
  session.onEnd(async () => held.release());
  const given = givenArguments(request.buildArgs);
  const building: Building = { plant, request, session, given, held, kept: [], renewed: new Set(), steps };
  try {
    return await carryOut(building, options.keepResult);
  } catch (error) {
    // What was made until then is there to look at.
    await steps?.end().catch(() => undefined);
    await releaseKept(building, options.signal.aborted ? undefined : error);
    if (options.signal.aborted) throw new StrataError('cancelled', 'context canceled', { cause: error });
    throw toStrataError(error);
  } finally {
    await session.end();
    plant.shop.records.flush();
  }
}

async function carryOut(building: Building, keepResult: AbortSignal | undefined): Promise<BuildResult> {
  const { plant, request, session, given, held, steps } = building;
  // A name that is none is told before anything is built.
  for (const output of request.outputs ?? [undefined]) namingOf(request, output);
  checkCacheOptions(request);
  refuseLongArguments(request.buildArgs);
  const lacks = request.limits ? plant.parts.executor.checkLimits(request.limits) : [];
  for (const message of [...unhonoured(request), ...lacks]) session.progress({ type: 'warning', message });
  session.allowed = allowedBy(request.sourcePolicies ?? []);
  for (const name of ['dockerfile', 'context']) checkLocal(session.allowed, name);
  const loaded = await load(building);
  const { file } = loaded;
  for (const message of file.warnings) session.progress({ type: 'warning', message });
  if (request.call !== undefined && request.call !== 'build') {
    // A wanted platform is a matter of builds: the reference answers for its own.
    const platform = hostPlatform();
    const bases = await basesOf(building, file, platform, request.call === 'targets' ? {} : plant.parts);
    if (request.call === 'outline' && !bases.failure) await tellWarnings(building, file, platform, bases);
    return { report: answerCall(request, file, given, platform, bases) };
  }
  const wanted = platformsOf(request);
  const { platforms } = wanted;
  const plans = await plansOf(building, loaded, wanted);
  await tellWarnings(building, file, platforms[0]!);
  await plant.shop.cacheMounts.renew(building.renewed);
  const sources = new CacheSources(plant, session);
  await sources.read(request, platforms);
  // A cache of all stages takes their layers where they can be had.
  const all = request.cacheTo?.some(({ mode }) => mode === 'max') ? plans.flatMap(({ stages }) => stages) : [];
  const passed = new Set<string>();
  const epoch = epochOf(given);
  steps?.plan(plans[0]!, epoch);
  const values = await solve(
    plans.map(({ stage }) => stage.vertex),
    {
      progress: session.progress,
      signal: session.signal,
      slots: plant.slots,
      owner: session,
      flights: plant.flights,
      now: session.now,
      onResult: (value, { event }) => {
        held.add(value);
        steps?.add(event.id, value);
        if (value.kind !== 'tree') passed.add(value.id);
      },
      isAbsent: (value) => value.kind === 'absent',
      bring: async (value, work) => {
        const brought = value.kind === 'absent' ? await sources.bring(value.id, work) : undefined;
        return brought && found(brought);
      },
    },
    all.map(({ vertex }) => vertex),
  );
  const built = plans.map(
    ({ stage }, index): BuiltStage => ({ stage, root: rootOf(values[index]), platform: platforms[index]! }),
  );
  const roots = values.slice(plans.length).filter((value) => value.kind === 'root');
  const cached = await exportCaches(plant, session, request, {
    targets: built.map(({ root }) => root),
    all: roots,
    passed,
  });
  const parent = await steps?.beforeExport(built[0]!);
  const result = await exportAll({
    plant,
    session,
    request,
    built,
    passed,
    epoch,
    ...(parent && { parent }),
  });
  await steps?.end(result.imageID);
  const { labels = {} } = request;
  const until = keepResult;
  const kept = until && plant.results.keep({ built, labels, epoch }, until);
  return {
    ...result,
    ...(cached && { metadata: { ...cached, ...result.metadata } }),
    ...(kept !== undefined && { kept }),
  };
}

/** Lets go of what failed steps left, apart from the one that `error` tells of: its receiver has it now. */
async function releaseKept(building: Building, error: unknown): Promise<void> {
  const told = error instanceof Error && error.cause instanceof FailedStep ? error.cause.kept : undefined;
  for (const kept of building.kept) if (kept !== told) await kept.release();
}

async function load(building: Building): Promise<Loaded> {
  const context = await openMain(building);
  building.session.onEnd(context.close);
  const name =
    building.request.dockerfile && 'path' in building.request.dockerfile
      ? building.request.dockerfile.path
      : 'Dockerfile';
  const event = {
    kind: 'internal',
    name: `[internal] load build definition from ${name.split('/').at(-1)}`,
  } as const;
  const file = await building.session.step(event, () => readDockerfile(building.request, context));
  return { context, file };
}

function openMain(building: Building): Promise<OpenContext> {
  const { shop } = building.plant;
  const source = allowedContext(building.session.allowed, building.request.context);
  const work = { emit: () => undefined, signal: building.session.signal };
  // A folder of this machine costs nothing to open.
  if (source.kind === 'local' || source.kind === 'empty') return openContext(shop, source, work);
  const name = source.kind === 'url' ? '[internal] load remote build context' : '[internal] load build context archive';
  return building.session.step({ kind: 'internal', name }, (inner) =>
    openContext(shop, source, inner, {
      secrets: secretsOf(building).secrets,
      keepGitDir: /^(?:1|t|true)$/i.test(building.given['BUILDKIT_CONTEXT_KEEP_GIT_DIR'] ?? ''),
    }),
  );
}

function platformsOf(request: BuildRequest): WantedPlatforms {
  const given = (request.platforms ?? []).filter((text) => text !== '');
  if (given.length === 0) return { platforms: [hostPlatform()], isExplicit: false };
  return { platforms: given.map(parsePlatform), isExplicit: true };
}
