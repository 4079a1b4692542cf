import { createdBy, historyComment, type Instruction } from '../../dockerfile/index.ts';
import type { Platform } from '../../oci/index.ts';
import { copyDraft, type ImageDraft, parseEnv } from './image-draft.ts';
import { workingDirectory } from './paths.ts';
import type { BuildVertex, CompiledStage, StageStep } from './plan.ts';
import { defaultPath, Scope } from './scope.ts';

/** A stage while its instructions are read, one after the other. */
export class StageState {
  readonly draft: ImageDraft;
  readonly scope: Scope;
  readonly args: string[];
  readonly platform: Platform;
  readonly steps: StageStep[] = [];
  vertex: BuildVertex;
  workdir: string;
  /** A CMD was seen in this stage: ENTRYPOINT then leaves it alone. */
  ownCommand = false;

  constructor(base: Pick<CompiledStage, 'vertex' | 'draft' | 'platform' | 'scope' | 'args'>) {
    this.draft = copyDraft(base.draft);
    this.vertex = base.vertex;
    this.platform = base.platform;
    this.args = [...base.args];
    this.scope = base.scope.copy();
    const { config } = this.draft;
    if (!(config.Env ?? []).some((line) => parseEnv(line)[0] === 'PATH')) {
      config.Env = [...(config.Env ?? []), `PATH=${defaultPath}`];
    }
    for (const line of config.Env ?? []) this.scope.set(...parseEnv(line));
    this.workdir = workingDirectory('/', config.WorkingDir ?? '');
    if (config.WorkingDir) config.WorkingDir = this.workdir;
  }

  get shell(): readonly string[] | undefined {
    return this.draft.config.Shell;
  }

  /** Notes the instruction in the image's history. */
  record(instruction: Instruction, layer: boolean, epoch: number | undefined): void {
    const text = createdBy(instruction, {
      ...(this.shell && { shell: this.shell }),
      buildArgs: this.args.map((name) => [name, this.scope.get(name) ?? ''] as const),
      workdir: this.workdir,
    });
    if (text === undefined) return;
    this.draft.history.push({
      // JSON holds no other bytes than UTF-8.
      created_by: text.toWellFormed(),
      comment: historyComment,
      ...(!layer && { empty_layer: true }),
      ...(epoch !== undefined && { created: new Date(epoch * 1000).toISOString().replace('.000Z', 'Z') }),
    });
  }
}

/** What a stage on an empty root begins with. */
export function emptyBase(vertex: BuildVertex, draft: ImageDraft, platform: Platform) {
  return { vertex, draft, platform, scope: new Scope(), args: [] };
}
