import {
  expandInstruction,
  expandWord,
  type Instruction,
  parseInstruction,
  type TextRange,
} from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { Digest } from '../../oci/index.ts';
import { digestOf } from '../cache/keys.ts';
import { mkdirOp } from '../ops/mkdir.ts';
import type { Identity } from '../ops/root-step.ts';
import type { Op } from '../solver/vertex.ts';
import type { Value } from '../value.ts';
import { applyMetadata } from './apply-metadata.ts';
import { contextRoot } from './context-root.ts';
import { copyStep } from './copy-step.ts';
import { emptyRoot } from './empty-root.ts';
import { copyDraft, draftOf, emptyDraft } from './image-draft.ts';
import { located } from './locate.ts';
import { isStep, StepNames, showInstruction, writtenText } from './names.ts';
import { knownOp, passingOp } from './passing.ts';
import { joinPath, workingDirectory } from './paths.ts';
import type { BuildVertex, CompiledStage, External, StageStep } from './plan.ts';
import { runStep } from './run-step.ts';
import { Scope } from './scope.ts';
import type { FrontendSettings } from './settings.ts';
import type { StageSources } from './stage-sources.ts';
import { emptyBase, StageState } from './stage-state.ts';
import { findByName, findCopySource, findTarget, mountSources, type StageNode, scratch, withStages } from './stages.ts';

/** Reads stages into vertices, each once and only those that are needed. */
export class Compiler implements StageSources {
  readonly settings: FrontendSettings;
  readonly nodes: readonly StageNode[];
  readonly #compiled = new Map<StageNode, Promise<CompiledStage>>();
  readonly #externals = new Map<string, Promise<External>>();
  readonly #roots = new Map<string, BuildVertex>();
  readonly contextRoots = new Map<string, BuildVertex>();
  readonly contextReads: string[] = [];
  readonly contextPaths: StageSources['contextPaths'] = [];

  constructor(settings: FrontendSettings, nodes: readonly StageNode[]) {
    this.settings = settings;
    this.nodes = nodes;
  }

  stage(node: StageNode): Promise<CompiledStage> {
    let promise = this.#compiled.get(node);
    if (!promise) {
      promise = this.#compile(node);
      // Several stages may wait for it, or none any more when another one failed.
      promise.catch(() => undefined);
      this.#compiled.set(node, promise);
    }
    return promise;
  }

  /** The stages read so far, in the order of the file. */
  async compiled(): Promise<CompiledStage[]> {
    const stages = await Promise.all(this.#compiled.values());
    return stages.sort((a, b) => a.node!.index - b.node!.index);
  }

  async source(from: string): Promise<BuildVertex> {
    const node = findCopySource(this.nodes, from);
    if (node) return (await this.stage(node)).vertex;
    return this.#outside(from);
  }

  async mountSource(from: string): Promise<BuildVertex> {
    const node = findByName(this.nodes, from);
    if (node) return (await this.stage(node)).vertex;
    return this.#outside(from);
  }

  async #outside(name: string): Promise<BuildVertex> {
    if (name === scratch) return this.#known(emptyRoot, scratch);
    const external = await this.#external(name, this.settings.targetPlatform);
    if (external.kind === 'tree') return external.vertex;
    if (external.kind === 'target') return (await this.stage(findTarget(this.nodes, external.name))).vertex;
    return this.#known(external.value, external.reference);
  }

  #known(value: Value, name: string): BuildVertex {
    const key = value.id ?? name;
    const known = this.#roots.get(key);
    if (known) return known;
    const made: BuildVertex = {
      event: { id: this.settings.vertexID(), kind: 'source', name: `FROM ${name}` },
      inputs: [],
      op: knownOp(value),
    };
    this.#roots.set(key, made);
    return made;
  }

  #external(name: string, platform: FrontendSettings['targetPlatform']): Promise<External> {
    const key = `${name} ${JSON.stringify(platform)}`;
    let promise = this.#externals.get(key);
    if (!promise) {
      promise = this.settings.external(name, platform).catch((error: unknown) => {
        throw withStages(error, name, this.nodes);
      });
      promise.catch(() => undefined);
      this.#externals.set(key, promise);
    }
    return promise;
  }

  async #compile(node: StageNode): Promise<CompiledStage> {
    if (!this.#isReplaced(node)) this.#prefetch(node);
    const { base, triggers, isImage, id } = await this.#base(node);
    const state = new StageState(base);
    const instructions = this.#isReplaced(node) ? [] : [...triggers, ...node.stage.instructions];
    const total = instructions.filter(isStep).length + (isImage ? 1 : 0);
    const names = new StepNames(this.settings.platformLabel, node.label, total);
    this.#from(state, node, names, isImage);
    delete state.draft.config.OnBuild;
    this.#keepDraft(state, { ...(id && { base: id }) });
    for (const [position, instruction] of instructions.entries()) {
      const isTrigger = position < triggers.length;
      const range = instruction.location;
      try {
        await this.#instruction(state, node, instruction, { position, names, range, isTrigger });
        this.#keepDraft(state, { isTrigger });
      } catch (error) {
        throw located(this.settings.dockerfile, range, error);
      }
    }
    const { vertex, draft, platform, scope, args, workdir, steps } = state;
    return { node, vertex, draft, platform, scope, args, workdir, steps };
  }

  /** What the last step has made of the configuration. */
  #keepDraft(state: StageState, known: Partial<StageStep>): void {
    const last = state.steps.pop()!;
    state.steps.push({
      ...last,
      ...known,
      ...(this.settings.request.stepImages && { draft: copyDraft(state.draft) }),
    });
  }

  /** Everything that the stage will ask for is begun at once: images are resolved in parallel. */
  #prefetch(node: StageNode): void {
    const begin = (wanted: Promise<unknown>) => void wanted.catch(() => undefined);
    for (const instruction of node.stage.instructions) {
      if (instruction.kind === 'copy' && instruction.from !== undefined)
        begin(this.#lazily(() => this.source(instruction.from!)));
      if (instruction.kind !== 'run') continue;
      for (const from of mountSources(instruction)) begin(this.#lazily(() => this.mountSource(from)));
    }
  }

  async #lazily(action: () => Promise<unknown>): Promise<void> {
    await action();
  }

  #isReplaced({ stage }: StageNode): boolean {
    return stage.name !== undefined && this.settings.isContext(stage.name);
  }

  async #base(node: StageNode): Promise<StageBase> {
    const { dockerfile, targetPlatform } = this.settings;
    const range = node.stage.from.location;
    const platform = node.platform ?? targetPlatform;
    try {
      const name = this.#isReplaced(node) ? node.stage.name! : node.base.kind === 'external' ? node.base.name : '';
      if (name === '' && node.base.kind === 'scratch') {
        const vertex = {
          event: { id: '', kind: 'source', name: scratch } as const,
          inputs: [],
          op: knownOp(emptyRoot),
        };
        return { base: emptyBase(vertex, emptyDraft(targetPlatform), targetPlatform), triggers: [], isImage: false };
      }
      if (name === '' && node.base.kind === 'stage') {
        const base = await this.stage(node.base.node);
        return { base, triggers: readTriggers(base.draft.config.OnBuild ?? [], range), isImage: false };
      }
      const external = await this.#external(name, platform);
      if (external.kind === 'tree') {
        const files = contextRoot(this, external.vertex, '/', '/');
        const base = emptyBase(files, emptyDraft(targetPlatform), targetPlatform);
        return { base, triggers: [], isImage: true };
      }
      if (external.kind === 'target') {
        const other = await this.stage(findTarget(this.nodes, external.name));
        return { base: other, triggers: readTriggers(other.draft.config.OnBuild ?? [], range), isImage: false };
      }
      const { config, value, id } = external;
      const vertex = {
        event: { id: '', kind: 'source', name: external.reference } as const,
        inputs: [],
        op: knownOp(value),
      };
      const base = { vertex, draft: draftOf(config), platform, scope: new Scope(), args: [] };
      return { base, triggers: readTriggers(config.config?.OnBuild ?? [], range), isImage: true, ...(id && { id }) };
    } catch (error) {
      throw located(dockerfile, range, error);
    }
  }

  /** The vertex of the FROM itself. */
  #from(state: StageState, node: StageNode, names: StepNames, isImage: boolean): void {
    const { from } = node.stage;
    const shown = isImage
      ? `FROM ${state.vertex.event.name}`
      : `FROM ${node.base.kind === 'stage' ? node.base.node.label : scratch}`;
    const before = state.vertex;
    const event = this.#event(
      node,
      from,
      isImage ? names.next(shown) : shown,
      this.#fromAsWritten(from),
      isImage ? 'source' : 'metadata',
      from.location,
    );
    const inputs = before.event.id === '' ? [] : [before];
    state.vertex = { event, inputs, op: inputs.length > 0 ? passingOp : before.op };
    state.steps.push({ vertex: state.vertex, instruction: from, isTrigger: false });
  }

  /** The classic view shows a FROM as people write it, with its arguments filled in. */
  #fromAsWritten(from: StageNode['stage']['from']): string {
    const { dockerfile, globals } = this.settings;
    const words = from.original.trim().split(/\s+/);
    const filled = words.map((word) => {
      try {
        return expandWord(word, globals.lookup, { escape: dockerfile.directives.escape, keepUnset: true }).value;
      } catch {
        return word;
      }
    });
    return ['FROM', ...filled.slice(1)].join(' ');
  }

  async #instruction(
    state: StageState,
    node: StageNode,
    written: Instruction,
    { position, names, range, isTrigger }: Place,
  ): Promise<void> {
    const { dockerfile, given, globals, epoch } = this.settings;
    const escapeToken = dockerfile.directives.escape;
    const shown = `${isTrigger ? 'ONBUILD ' : ''}${showInstruction(written, state.scope, escapeToken)}`;
    const instruction = expandInstruction(written, state.scope.lookup, {
      escape: escapeToken,
      given: (name) => given[name],
      inherited: (name) => globals.get(name),
    });
    const identity = this.#identity(node, position, shown, names, instruction);
    switch (instruction.kind) {
      case 'from':
        throw new StrataError('invalid_argument', 'FROM cannot be used here');
      case 'run': {
        const { op, inputs } = await runStep(this, state, instruction, identity);
        this.#step(state, node, instruction, identity, 'exec', op, inputs, range);
        state.record(instruction, true, epoch);
        return;
      }
      case 'copy':
      case 'add': {
        const { op, inputs } = await copyStep(this, state, instruction, identity);
        this.#step(state, node, instruction, identity, 'copy', op, inputs, range);
        state.record(instruction, true, epoch);
        return;
      }
      case 'workdir': {
        this.#workdir(state, node, instruction, identity, range);
        return;
      }
      default: {
        const applied = applyMetadata(state, instruction, given, globals);
        this.#step(state, node, written, identity, 'metadata', passingOp, [state.vertex], range);
        state.record(applied, false, epoch);
      }
    }
  }

  #workdir(
    state: StageState,
    node: StageNode,
    instruction: Extract<Instruction, { kind: 'workdir' }>,
    identity: Identity,
    range: TextRange,
  ): void {
    const { shop, epoch } = this.settings;
    const path = workingDirectory(state.workdir, instruction.path);
    state.workdir = path;
    state.draft.config.WorkingDir = path;
    const { User } = state.draft.config;
    const op =
      path === '/'
        ? passingOp
        : mkdirOp(
            shop,
            { path: joinPath('/', path), ...(User && { user: User }), ...(epoch !== undefined && { epoch }) },
            identity,
          );
    this.#step(state, node, instruction, identity, path === '/' ? 'metadata' : 'copy', op, [state.vertex], range);
    state.record(instruction, path !== '/', epoch);
  }

  #step(
    state: StageState,
    node: StageNode,
    instruction: Instruction,
    identity: Identity,
    kind: 'exec' | 'copy' | 'metadata',
    op: Op<Value>,
    inputs: readonly BuildVertex[],
    range: TextRange,
  ): void {
    const event = this.#event(node, instruction, identity.description, identity.instruction, kind, range);
    state.vertex = { event, inputs, op: locatedOp(op, this.settings, range) };
    state.steps.push({ vertex: state.vertex, instruction, isTrigger: false });
  }

  #identity(node: StageNode, position: number, shown: string, names: StepNames, instruction: Instruction): Identity {
    const { request, project } = this.settings;
    const name = node.stage.name;
    const filtered = request.noCacheFilter?.some((filter) => filter === '' || filter.toLowerCase() === name) ?? false;
    return {
      slot: digestOf([project, this.settings.platformLabel, node.index, position]),
      instruction: shown,
      description: isStep(instruction) ? names.next(shown) : shown,
      noCache: (request.noCache ?? false) || filtered,
    };
  }

  #event(
    node: StageNode,
    instruction: Instruction,
    name: string,
    shown: string,
    kind: BuildVertex['event']['kind'],
    range: TextRange,
  ): BuildVertex['event'] {
    return {
      id: this.settings.vertexID(),
      kind,
      name,
      instruction: shown,
      written: writtenText(instruction),
      ...(node.label !== '' && { stage: node.label }),
      location: range,
      ...(this.settings.platformLabel !== '' && { platform: this.settings.platformLabel }),
    };
  }
}

/** What a stage begins with. */
interface StageBase {
  readonly base: ConstructorParameters<typeof StageState>[0];
  readonly triggers: readonly Instruction[];
  readonly isImage: boolean;
  /** The image of the store that it is. */
  readonly id?: Digest;
}

/** Where an instruction stands, or the FROM whose base brought it as a trigger. */
interface Place {
  readonly position: number;
  readonly names: StepNames;
  readonly range: TextRange;
  readonly isTrigger: boolean;
}

/** Errors of a running step get the place of its instruction. */
function locatedOp(op: Op<Value>, settings: FrontendSettings, range: TextRange): Op<Value> {
  if (op === passingOp) return op;
  const locate = async <T>(action: Promise<T>): Promise<T> => {
    try {
      return await action;
    } catch (error) {
      throw located(settings.dockerfile, range, error);
    }
  };
  return {
    waits: op.waits,
    key: (inputs) => op.key(inputs),
    lookup: (inputs, work) => locate(op.lookup(inputs, work)),
    run: (inputs, work) => locate(op.run(inputs, work)),
  };
}

/** The ONBUILD triggers of a base: they stand where its FROM stands. */
function readTriggers(triggers: readonly string[], location: TextRange): Instruction[] {
  return triggers.map((text) => ({ ...parseInstruction(text, { file: 'ONBUILD' }), location }));
}
