import { dirname, isAbsolute, resolve } from 'node:path';
import { type Dockerfile, parseDockerfile } from '../../dockerfile/index.ts';
import { formatPlatform, hostPlatform, type Platform } from '../../oci/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import type { Building } from '../building.ts';
import { digestOf } from '../cache/keys.ts';
import { checkContextPaths } from '../contexts/check-paths.ts';
import { findExternal } from '../contexts/externals.ts';
import { contextVertex, findNamedContext } from '../contexts/named.ts';
import type { OpenContext } from '../contexts/open-context.ts';
import type { ReadDockerfile } from '../contexts/read-dockerfile.ts';
import { wantedPaths } from '../contexts/wanted-paths.ts';
import { refuseManyInstructions } from '../dockerfile-bounds.ts';
import type { KeptRoot } from '../ops/failed-step.ts';
import { tellWarnings } from '../reports/warnings.ts';
import { Compiler } from './compile.ts';
import { epochOf, globalsOf, secretsOf } from './given.ts';
import type { ImageDraft } from './image-draft.ts';
import type { BuildVertex, CompiledStage } from './plan.ts';
import type { FrontendSettings } from './settings.ts';
import { verifiedStages } from './verify.ts';

/** A Dockerfile in its context. */
export interface Loaded {
  readonly context: OpenContext;
  readonly file: ReadDockerfile;
}

export interface WantedPlatforms {
  readonly platforms: readonly Platform[];
  /** The user named them. */
  readonly isExplicit: boolean;
}

/** What one platform of a build needs. */
export interface Plan {
  readonly stage: CompiledStage;
  readonly stages: readonly CompiledStage[];
}

/** What has to be built for each platform. A file that cannot be built is warned of as far as it was read. */
export async function plansOf(building: Building, loaded: Loaded, wanted: WantedPlatforms): Promise<readonly Plan[]> {
  const { context, file } = loaded;
  const { platforms } = wanted;
  try {
    const dockerfile = parseDockerfile(file.text, { file: file.name });
    refuseManyInstructions(dockerfile);
    const plans = await Promise.all(
      platforms.map((platform) => compile(building, dockerfile, loaded, platform, wanted)),
    );
    await bring(
      building,
      plans.flatMap(({ compiler }) => (compiler.readsContext ? [compiler.contextReads] : [])),
    );
    for (const { compiler } of plans)
      await checkContextPaths(building.plant.shop, building.session.signal, dockerfile, compiler.contextPaths, {
        dir: context.dir,
        label: context.label,
        ignore: file.ignore,
      });
    return plans;
  } catch (error) {
    // What the checks find wrong is the error that is thrown here, or comes after it.
    await tellWarnings(building, file, platforms[0]!).catch(() => undefined);
    throw error;
  }
}

async function compile(
  building: Building,
  dockerfile: Dockerfile,
  { context, file }: Loaded,
  platform: Platform,
  { platforms, isExplicit }: WantedPlatforms,
) {
  const { request, steps } = building;
  const globals = globalsOf(building, dockerfile, platform);
  const { nodes, target } = verifiedStages(dockerfile, globals, request);
  let contextSource: BuildVertex | undefined;
  const settings: FrontendSettings = {
    shop: building.plant.shop,
    dockerfile,
    request,
    given: building.given,
    globals,
    targetPlatform: platform,
    buildPlatform: hostPlatform(),
    platformLabel: platforms.length > 1 ? formatPlatform(platform) : '',
    epoch: epochOf(building.given),
    secrets: secretsOf(building),
    project: projectOf(building.request, context, file),
    allowed: building.session.allowed,
    context: () => {
      contextSource ??= contextVertex(
        building.session,
        context.dir,
        building.session.brings ? '[internal] files of the build context' : '[internal] load build context',
        context.label,
        file.ignore,
      );
      return contextSource;
    },
    isContext: (name) => findNamedContext(request, name) !== undefined,
    external: (name, wanted) => findExternal(building, name, wanted, isExplicit || wanted !== platform),
    vertexID: () => building.session.vertexID(),
    renewed: building.renewed,
    ...(request.keepFailed && { keep: (kept: KeptRoot) => void building.kept.push(kept) }),
  };
  const compiler = new Compiler(settings, nodes);
  const stage = await compiler.stage(target);
  const stages = await compiler.compiled();
  numberSteps(stages, steps ? dockerfile.metaArgs.length : 0);
  steps?.tellArguments(dockerfile.metaArgs, stages);
  const { contextPaths, contextReads } = compiler;
  return {
    stage: { ...stage, draft: madeFor(stage.draft, platform) } as CompiledStage,
    stages: stages as readonly CompiledStage[],
    compiler: { contextPaths, contextReads, readsContext: contextSource !== undefined },
  };
}

/** What the plans read of a context that is still with the client comes now, and nothing where they read nothing. */
async function bring(building: Building, reads: readonly (readonly string[])[]): Promise<void> {
  if (!building.session.brings || reads.length === 0) return;
  await building.session.step({ kind: 'internal', name: '[internal] load build context' }, (work) =>
    building.session.bring(building.request.context, wantedPaths(reads.flat()), work),
  );
}

/** The same Dockerfile of the same place is the same project, so that its steps can be compared with earlier ones. */
function projectOf(request: BuildRequest, context: OpenContext, file: ReadDockerfile): string {
  const { context: source, tags = [] } = request;
  const place = source.kind === 'local' ? context.dir : source.kind === 'url' ? source.url : (tags[0] ?? '');
  const path = isAbsolute(file.name) ? file.name : resolve('/', file.name);
  return digestOf(['project', place, dirname(path), file.name]);
}

/** The result is for the platform that was asked for, whatever its base was made for. */
function madeFor(draft: ImageDraft, platform: Platform): ImageDraft {
  const { variant: _, osVersion, ...rest } = draft;
  const version = platform['os.version'] ?? (draft.os === platform.os ? osVersion : undefined);
  return {
    ...rest,
    os: platform.os,
    architecture: platform.architecture,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    ...(version !== undefined && { osVersion: version }),
  };
}

/**
 * Gives every step its place among all steps that run: stages in the order of the file, behind the arguments in front of
 * them. Triggers have the place of their FROM.
 */
function numberSteps(stages: readonly CompiledStage[], before: number): void {
  const steps = stages.flatMap((stage) => stage.steps);
  const total = before + steps.filter(({ isTrigger }) => !isTrigger).length;
  let number = before;
  for (const stage of stages) {
    const triggers = stage.steps.filter(({ isTrigger }) => isTrigger);
    for (const step of stage.steps) {
      if (!step.isTrigger) number++;
      const trigger = step.isTrigger && { number: triggers.indexOf(step) + 1, total: triggers.length };
      const vertex = step.vertex as { event: BuildVertex['event'] };
      vertex.event = { ...vertex.event, step: { number, total, ...(trigger && { trigger }) } };
    }
  }
}
