import { dirname, isAbsolute, resolve } from 'node:path';
import {
  checkParsed,
  type Dockerfile,
  globalScope,
  parseDockerfile,
  parseInReferenceOrder,
  parseTolerant,
  proxyArgs,
  withExcerpt,
} from '../dockerfile/index.ts';
import { StrataError, toStrataError } from '../errors/index.ts';
import { formatPlatform, hostPlatform, type Platform, parsePlatform } from '../oci/index.ts';
import type { BuiltStage } from './built.ts';
import { digestOf } from './cache/keys.ts';
import { checkContextPaths } from './contexts/check-paths.ts';
import { contextVertex, findNamedContext, openNamedContext } from './contexts/named.ts';
import { type OpenContext, openContext } from './contexts/open-context.ts';
import { type ReadDockerfile, readDockerfile } from './contexts/read-dockerfile.ts';
import { wantedPaths } from './contexts/wanted-paths.ts';
import { refuseLongArguments, refuseManyInstructions } from './dockerfile-bounds.ts';
import { exportAll } from './exporters/export.ts';
import { finishConfig } from './exporters/image-config.ts';
import { namingOf } from './exporters/names.ts';
import { measuredLayers } from './exporters/store-image.ts';
import { Compiler } from './frontend/compile.ts';
import { emptyRoot } from './frontend/empty-root.ts';
import { imageRoot } from './frontend/externals.ts';
import type { ImageDraft } from './frontend/image-draft.ts';
import type { BuildVertex, CompiledStage, External } from './frontend/plan.ts';
import { givenArguments, Scope } from './frontend/scope.ts';
import type { FrontendSettings } from './frontend/settings.ts';
import { findTarget, neededStages, readStages, type StageNode } from './frontend/stages.ts';
import { verifiedStages } from './frontend/verify.ts';
import type { ExecSecrets } from './ops/exec-spec.ts';
import { FailedStep, type KeptRoot } from './ops/failed-step.ts';
import { found } from './ops/root-step.ts';
import type { Plant } from './plant.ts';
import { exportCaches } from './remote-cache/export.ts';
import { CacheSources } from './remote-cache/import.ts';
import { checkCacheOptions } from './remote-cache/options.ts';
import { type BaseConfigParts, type BaseConfigs, readBaseConfigs } from './reports/base-configs.ts';
import { answerCall, checkOptions } from './reports/call.ts';
import { Session } from './session.ts';
import { solve } from './solver/solve.ts';
import { allowedBy, allowedContext, checkLocal } from './source-policy.ts';
import { resolveBase } from './sources/base-image.ts';
import { layoutOf, openOciLayout } from './sources/oci-layout.ts';
import { StepImages, wantsStepImages } from './step-images.ts';
import type { BuildOptions, BuildRequest, BuildResult, NamedContext } from './types.ts';
import { unhonoured } from './unhonoured.ts';
import { rootOf } from './value.ts';

/** One build from its request to its result. Whatever happens, nothing of it is left running or mounted. */
export async function runBuild(plant: Plant, request: BuildRequest, options: BuildOptions): Promise<BuildResult> {
  const steps = wantsStepImages(request) ? new StepImages(plant, request, options.progress) : undefined;
  const session = new Session(steps ? { ...options, progress: steps.progress } : options, plant.shop.now);
  const build = new Build(plant, request, session, options, steps);
  try {
    return await build.run();
  } catch (error) {
    // What was made until then is there to look at.
    await steps?.end().catch(() => undefined);
    await build.releaseKept(options.signal.aborted ? undefined : error);
    if (options.signal.aborted) throw new StrataError('cancelled', 'context canceled', { cause: error });
    throw toStrataError(error);
  } finally {
    await session.end();
    plant.shop.records.flush();
  }
}

class Build {
  readonly #plant: Plant;
  readonly #request: BuildRequest;
  readonly #session: Session;
  readonly #keepResult: AbortSignal | undefined;
  readonly #given: Readonly<Record<string, string>>;
  readonly #kept: KeptRoot[] = [];
  /** Ids of cache mounts that steps without a cache have. */
  readonly #renewed = new Set<string>();
  readonly #held: ReturnType<Plant['held']['open']>;
  readonly #steps: StepImages | undefined;

  constructor(
    plant: Plant,
    request: BuildRequest,
    session: Session,
    { keepResult }: BuildOptions,
    steps: StepImages | undefined,
  ) {
    this.#steps = steps;
    this.#keepResult = keepResult;
    this.#plant = plant;
    this.#request = request;
    this.#session = session;
    this.#given = givenArguments(request.buildArgs);
    this.#held = plant.held.open();
    session.onEnd(async () => this.#held.release());
  }

  async run(): Promise<BuildResult> {
    // A name that is none is told before anything is built.
    for (const output of this.#request.outputs ?? [undefined]) namingOf(this.#request, output);
    checkCacheOptions(this.#request);
    refuseLongArguments(this.#request.buildArgs);
    const { limits } = this.#request;
    const lacks = limits ? this.#plant.parts.executor.checkLimits(limits) : [];
    for (const message of [...unhonoured(this.#request), ...lacks])
      this.#session.progress({ type: 'warning', message });
    this.#session.allowed = allowedBy(this.#request.sourcePolicies ?? []);
    for (const name of ['dockerfile', 'context']) checkLocal(this.#session.allowed, name);
    const { context, file } = await this.#load();
    for (const message of file.warnings) this.#session.progress({ type: 'warning', message });
    if (this.#request.call !== undefined && this.#request.call !== 'build') {
      // A wanted platform is a matter of builds: the reference answers for its own.
      const platform = hostPlatform();
      const bases = await this.#bases(file, platform, this.#request.call === 'targets' ? {} : this.#plant.parts);
      if (this.#request.call === 'outline' && !bases.failure) await this.#tellWarnings(file, platform, bases);
      return { report: answerCall(this.#request, file, this.#given, platform, bases) };
    }
    const { platforms, isExplicit } = this.#platforms();
    const plans = await this.#plans(context, file, platforms, isExplicit);
    await this.#tellWarnings(file, platforms[0]!);
    await this.#plant.shop.cacheMounts.renew(this.#renewed);
    const sources = new CacheSources(this.#plant, this.#session);
    await sources.read(this.#request, platforms);
    // A cache of all stages takes their layers where they can be had.
    const all = this.#request.cacheTo?.some(({ mode }) => mode === 'max') ? plans.flatMap(({ stages }) => stages) : [];
    const passed = new Set<string>();
    const epoch = this.#epoch();
    this.#steps?.plan(plans[0]!, epoch);
    const values = await solve(
      plans.map(({ stage }) => stage.vertex),
      {
        progress: this.#session.progress,
        signal: this.#session.signal,
        slots: this.#plant.slots,
        owner: this.#session,
        flights: this.#plant.flights,
        now: this.#session.now,
        onResult: (value, { event }) => {
          this.#held.add(value);
          this.#steps?.add(event.id, value);
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
    const cached = await exportCaches(this.#plant, this.#session, this.#request, {
      targets: built.map(({ root }) => root),
      all: roots,
      passed,
    });
    const parent = await this.#steps?.beforeExport(built[0]!);
    const result = await exportAll({
      plant: this.#plant,
      session: this.#session,
      request: this.#request,
      built,
      passed,
      epoch,
      ...(parent && { parent }),
    });
    await this.#steps?.end(result.imageID);
    const { labels = {} } = this.#request;
    const until = this.#keepResult;
    const kept = until && this.#plant.results.keep({ built, labels, epoch }, until);
    return {
      ...result,
      ...(cached && { metadata: { ...cached, ...result.metadata } }),
      ...(kept !== undefined && { kept }),
    };
  }

  /** Lets go of what failed steps left, apart from the one that `error` tells of: its receiver has it now. */
  async releaseKept(error: unknown): Promise<void> {
    const told = error instanceof Error && error.cause instanceof FailedStep ? error.cause.kept : undefined;
    for (const kept of this.#kept) if (kept !== told) await kept.release();
  }

  async #load(): Promise<{ context: OpenContext; file: ReadDockerfile }> {
    const context = await this.#openMain();
    this.#session.onEnd(context.close);
    const name =
      this.#request.dockerfile && 'path' in this.#request.dockerfile ? this.#request.dockerfile.path : 'Dockerfile';
    const event = {
      kind: 'internal',
      name: `[internal] load build definition from ${name.split('/').at(-1)}`,
    } as const;
    const file = await this.#session.step(event, () => readDockerfile(this.#request, context));
    return { context, file };
  }

  #openMain(): Promise<OpenContext> {
    const { shop } = this.#plant;
    const source = allowedContext(this.#session.allowed, this.#request.context);
    const work = { emit: () => undefined, signal: this.#session.signal };
    // A folder of this machine costs nothing to open.
    if (source.kind === 'local' || source.kind === 'empty') return openContext(shop, source, work);
    const name =
      source.kind === 'url' ? '[internal] load remote build context' : '[internal] load build context archive';
    return this.#session.step({ kind: 'internal', name }, (inner) =>
      openContext(shop, source, inner, {
        secrets: this.#secrets().secrets,
        keepGitDir: /^(?:1|t|true)$/i.test(this.#given['BUILDKIT_CONTEXT_KEEP_GIT_DIR'] ?? ''),
      }),
    );
  }

  /** The settings of base images: of those here, and of those in the given registry. */
  async #bases(
    file: ReadDockerfile,
    platform: Platform,
    { registry }: Pick<BaseConfigParts, 'registry'>,
  ): Promise<BaseConfigs> {
    const dockerfile = parseTolerant(file.text, { file: file.name });
    let nodes: readonly StageNode[] = [];
    try {
      if (dockerfile.diagnostics.length === 0) nodes = readStages(dockerfile, this.#globals(dockerfile, platform));
    } catch {
      // What is wrong with the file is told by the one who asks.
    }
    const { call, target } = this.#request;
    // An outline is of one stage, as a build is; the checks look at every stage.
    const wanted = call === 'outline' && nodes.length > 0 ? neededStages(nodes, findTarget(nodes, target)) : nodes;
    const { parts, shop } = this.#plant;
    return readBaseConfigs(
      { images: parts.images, bases: shop.bases, ...(registry && { registry }) },
      this.#session,
      this.#request,
      dockerfile,
      nodes,
      wanted,
      platform,
    );
  }

  /** What has to be built for each platform. A file that cannot be built is warned of as far as it was read. */
  async #plans(context: OpenContext, file: ReadDockerfile, platforms: readonly Platform[], isExplicit: boolean) {
    try {
      const dockerfile = parseDockerfile(file.text, { file: file.name });
      refuseManyInstructions(dockerfile);
      const plans = await Promise.all(
        platforms.map((platform) =>
          this.#compile(dockerfile, context, file, platform, isExplicit, platforms.length > 1),
        ),
      );
      await this.#bring(plans.flatMap(({ compiler }) => (compiler.readsContext ? [compiler.contextReads] : [])));
      for (const { compiler } of plans)
        await checkContextPaths(this.#plant.shop, this.#session.signal, dockerfile, compiler.contextPaths, {
          dir: context.dir,
          label: context.label,
          ignore: file.ignore,
        });
      return plans;
    } catch (error) {
      // What the checks find wrong is the error that is thrown here, or comes after it.
      await this.#tellWarnings(file, platforms[0]!).catch(() => undefined);
      throw error;
    }
  }

  /** The build checks: they warn, unless the file wants them to fail the build. */
  async #tellWarnings(file: ReadDockerfile, platform: Platform, known?: BaseConfigs): Promise<void> {
    const dockerfile = parseInReferenceOrder(file.text, { file: file.name });
    const bases = known ?? (await this.#bases(file, platform, {}));
    const options = checkOptions(this.#request, file, this.#given, platform, bases.find);
    const { warnings, error } = checkParsed(dockerfile, options);
    const told = new Set<string>();
    for (const { rule, message, description, url, location } of warnings) {
      // Two variables of one line may lack the same: to the reader that is one thing to mend.
      const same = JSON.stringify([rule, message, location.line]);
      if (told.has(same)) continue;
      told.add(same);
      this.#session.progress({
        type: 'warning',
        rule,
        message,
        description,
        ...(url !== undefined && { url }),
        location: withExcerpt(location, dockerfile.lines),
      });
    }
    if (error?.code === 'check_failed' || error?.code === 'invalid_check') throw error;
  }

  #globals(dockerfile: Dockerfile, targetPlatform: Platform): Scope {
    const { target } = this.#request;
    return new Scope(
      globalScope(dockerfile, {
        buildPlatform: hostPlatform(),
        targetPlatform,
        buildArgs: this.#given,
        ...(target && { target }),
      }),
    );
  }

  #platforms(): { platforms: Platform[]; isExplicit: boolean } {
    const given = (this.#request.platforms ?? []).filter((text) => text !== '');
    if (given.length === 0) return { platforms: [hostPlatform()], isExplicit: false };
    return { platforms: given.map(parsePlatform), isExplicit: true };
  }

  #epoch(): number | undefined {
    const text = this.#given['SOURCE_DATE_EPOCH'];
    if (text === undefined || text === '') return undefined;
    if (!/^[0-9]{1,12}$/.test(text)) {
      const why = `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
      throw new StrataError('invalid_argument', `invalid SOURCE_DATE_EPOCH: ${text}: ${why}`);
    }
    return Number(text);
  }

  /** What the plans read of a context that is still with the client comes now, and nothing where they read nothing. */
  async #bring(reads: readonly (readonly string[])[]): Promise<void> {
    if (!this.#session.brings || reads.length === 0) return;
    await this.#session.step({ kind: 'internal', name: '[internal] load build context' }, (work) =>
      this.#session.bring(this.#request.context, wantedPaths(reads.flat()), work),
    );
  }

  async #compile(
    dockerfile: Dockerfile,
    context: OpenContext,
    file: ReadDockerfile,
    platform: Platform,
    isExplicit: boolean,
    several: boolean,
  ) {
    const request = this.#request;
    const globals = this.#globals(dockerfile, platform);
    const { nodes, target } = verifiedStages(dockerfile, globals, request);
    let contextSource: BuildVertex | undefined;
    const settings: FrontendSettings = {
      shop: this.#plant.shop,
      dockerfile,
      request,
      given: this.#given,
      globals,
      targetPlatform: platform,
      buildPlatform: hostPlatform(),
      platformLabel: several ? formatPlatform(platform) : '',
      epoch: this.#epoch(),
      secrets: this.#secrets(),
      project: this.#project(context, file),
      allowed: this.#session.allowed,
      context: () => {
        contextSource ??= contextVertex(
          this.#session,
          context.dir,
          this.#session.brings ? '[internal] files of the build context' : '[internal] load build context',
          context.label,
          file.ignore,
        );
        return contextSource;
      },
      isContext: (name) => findNamedContext(request, name) !== undefined,
      external: (name, wanted) => this.#external(name, wanted, isExplicit || wanted !== platform),
      vertexID: () => this.#session.vertexID(),
      renewed: this.#renewed,
      ...(request.keepFailed && { keep: (kept: KeptRoot) => void this.#kept.push(kept) }),
    };
    const compiler = new Compiler(settings, nodes);
    const stage = await compiler.stage(target);
    const stages = await compiler.compiled();
    numberSteps(stages, this.#steps ? dockerfile.metaArgs.length : 0);
    this.#steps?.tellArguments(dockerfile.metaArgs, stages);
    const { contextPaths, contextReads } = compiler;
    return {
      stage: { ...stage, draft: madeFor(stage.draft, platform) } as CompiledStage,
      stages: stages as readonly CompiledStage[],
      compiler: { contextPaths, contextReads, readsContext: contextSource !== undefined },
    };
  }

  async #external(name: string, platform: Platform, isExplicit: boolean): Promise<External> {
    const { shop } = this.#plant;
    const named = findNamedContext(this.#request, name);
    if (!named) return this.#base(name, platform, isExplicit);
    switch (named.kind) {
      case 'image':
        if (named.name === 'scratch') return noBase(name, platform);
        return this.#base(named.name, platform, isExplicit);
      case 'oci-layout':
        return this.#layout(name, named, platform);
      case 'result':
        return this.#result(name, named.id, platform);
      case 'target':
        return { kind: 'target', name: named.name };
      default:
        return openNamedContext(shop, this.#session, name, named);
    }
  }

  async #base(name: string, platform: Platform, isExplicit: boolean): Promise<External> {
    const base = await resolveBase(this.#plant, this.#session, this.#request, name, platform, isExplicit);
    this.#held.add(base.value);
    return base;
  }

  async #layout(name: string, layout: NamedContext & { kind: 'oci-layout' }, platform: Platform): Promise<External> {
    const event = { kind: 'internal', name: `[context ${name}] OCI load from client` } as const;
    const { images } = this.#plant.parts;
    const { config, value } = await this.#session.step(event, ({ signal }) =>
      // No image names these layers: only this build holds them.
      images.during(async () => {
        const image = await openOciLayout(images, layoutOf(this.#session, layout), { platform, signal });
        const root = imageRoot(image);
        this.#held.add(root);
        return { config: image.config, value: root };
      }),
    );
    return { kind: 'image', reference: name, config, value };
  }

  /** What another build made, as if it had been stored and were its image. */
  async #result(name: string, id: string, platform: Platform): Promise<External> {
    const { built, labels, epoch } = this.#plant.results.find(id, platform);
    const { stage, root } = built;
    this.#held.add(root);
    const event = { kind: 'internal', name: `[context ${name}] result of another target` } as const;
    const layers = await this.#session.step(event, () => measuredLayers(this.#plant, root.snapshot));
    return {
      kind: 'image',
      reference: name,
      config: finishConfig(stage.draft, layers, { labels, epoch }),
      value: root,
    };
  }

  #secrets(): ExecSecrets {
    const { secrets = [], ssh = [] } = this.#request;
    // A RUN finds each under both spellings; the upper one counts where they differ.
    const proxy = proxyArgs.flatMap((name) => {
      const value = this.#given[name.toUpperCase()] ?? this.#given[name.toLowerCase()];
      return value === undefined ? [] : [`${name}=${value}`];
    });
    return {
      proxy,
      secrets: new Map(secrets.map(({ id, value }) => [id, Buffer.from(value, 'base64')])),
      secretOf: this.#session.secretOf,
      ssh: new Map(ssh.flatMap(({ id, socket }) => (socket === undefined ? [] : [[id, socket] as const]))),
    };
  }

  /** The same Dockerfile of the same place is the same project, so that its steps can be compared with earlier ones. */
  #project(context: OpenContext, file: ReadDockerfile): string {
    const { context: source, tags = [] } = this.#request;
    const place = source.kind === 'local' ? context.dir : source.kind === 'url' ? source.url : (tags[0] ?? '');
    const path = isAbsolute(file.name) ? file.name : resolve('/', file.name);
    return digestOf(['project', place, dirname(path), file.name]);
  }
}

/** `docker-image://scratch`. */
function noBase(name: string, { os, architecture, variant }: Platform): External {
  const config = { os, architecture, ...(variant && { variant }), rootfs: { type: 'layers' as const, diff_ids: [] } };
  return { kind: 'image', reference: name, config, value: emptyRoot };
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
