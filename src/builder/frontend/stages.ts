import {
  checkCopySource,
  type Dockerfile,
  expandWord,
  type Instruction,
  parseRunMounts,
  type RunInstruction,
  type Stage,
  suggestion,
  withExcerpt,
  withSuggestion,
} from '../../dockerfile/index.ts';
import { messageOf, StrataError } from '../../errors/index.ts';
import { type Platform, parsePlatform } from '../../oci/index.ts';
import { at } from './locate.ts';
import type { Scope } from './scope.ts';

/** A stage whose FROM has been understood. */
export interface StageNode {
  readonly index: number;
  readonly stage: Stage;
  /** How steps call it: its name, `stage-1` among several, or empty. */
  readonly label: string;
  readonly base: StageBase;
  /** As `--platform` says. */
  readonly platform?: Platform;
}

export type StageBase =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly node: StageNode }
  /** An image or a named context. */
  | { readonly kind: 'external'; readonly name: string };

export const scratch = 'scratch';

/** Reads every FROM, in order: a base is a stage above it or something outside. */
export function readStages(dockerfile: Dockerfile, globals: Scope): StageNode[] {
  const nodes: StageNode[] = [];
  const named = new Map<string, StageNode>();
  for (const stage of dockerfile.stages) {
    for (const instruction of stage.instructions) {
      at(dockerfile, instruction.location, () => checkCopySource(instruction, dockerfile.directives.escape));
    }
    const node = at(dockerfile, stage.from.location, () => readStage(dockerfile, stage, globals, named));
    nodes.push(node);
    if (stage.name !== undefined) named.set(stage.name, node);
  }
  return nodes;
}

function readStage(
  dockerfile: Dockerfile,
  stage: Stage,
  globals: Scope,
  named: ReadonlyMap<string, StageNode>,
): StageNode {
  const escapeToken = dockerfile.directives.escape;
  const base = expandWord(stage.base, globals.lookup, { escape: escapeToken }).value;
  if (base === '') {
    throw new StrataError('invalid_argument', `base name (${stage.base}) should not be blank`, {
      hint: 'an ARG that FROM uses must stand in front of the first FROM',
    });
  }
  const platform = stage.platform === undefined ? undefined : readPlatform(stage.platform, globals, escapeToken);
  // Names are kept in lower case and a base is compared as written, as the reference does.
  const node = named.get(base);
  const several = dockerfile.stages.length > 1 || stage.instructions.some(namesOthers);
  return {
    index: stage.index,
    stage,
    label: stage.name ?? (several ? `stage-${stage.index}` : ''),
    base: node ? { kind: 'stage', node } : base === scratch ? { kind: 'scratch' } : { kind: 'external', name: base },
    ...(platform && { platform }),
  };
}

/** What BuildKit makes stages of besides those of the file: the others have numbers then, even a single one. */
function namesOthers(instruction: Instruction): boolean {
  if (instruction.kind === 'run') return instruction.mountSpecs.length > 0;
  return instruction.kind === 'copy' && instruction.from !== undefined;
}

function readPlatform(text: string, globals: Scope, escapeToken: string): Platform {
  let value: string;
  try {
    value = expandWord(text, globals.lookup, { escape: escapeToken }).value;
  } catch (cause) {
    throw new StrataError('invalid_argument', `failed to process arguments for platform ${text}`, { cause });
  }
  if (value === '') {
    throw new StrataError('invalid_argument', `empty platform value from expression ${text}`);
  }
  try {
    return parsePlatform(value);
  } catch (cause) {
    throw new StrataError('invalid_argument', `failed to parse platform ${value}: ${platformFault(value, cause)}`, {
      cause,
    });
  }
}

function platformFault(value: string, cause: unknown): string {
  const parts = value.split('/');
  const pattern = '^[A-Za-z0-9_.-]+$';
  // Whatever stands behind the third slash is one component.
  const components = [...parts.slice(0, 3), ...(parts.length > 3 ? [parts.slice(3).join('/')] : [])];
  const component = components.find((part) => !new RegExp(pattern).test(part));
  if (component === undefined) {
    return parts.length > 3 ? `"${value}": cannot parse platform specifier: invalid argument` : messageOf(cause);
  }
  return `"${component}" is an invalid component of "${value}": platform specifier component must match "${pattern}": invalid argument`;
}

/** The stage of that name; the last one where several have it. */
export function findByName(nodes: readonly StageNode[], name: string): StageNode | undefined {
  return nodes.findLast((node) => node.stage.name === name.toLowerCase());
}

/** What `--target` names; the last stage where nothing is named. */
export function findTarget(nodes: readonly StageNode[], target: string | undefined): StageNode {
  if (target === undefined || target === '') return nodes.at(-1)!;
  const node = findByName(nodes, target);
  if (node) return node;
  const names = namesOf(nodes);
  const message = `target stage ${JSON.stringify(target)} could not be found`;
  throw new StrataError('invalid_argument', withSuggestion(message, target, names, true), {
    code: 'target_not_found',
    ...(names.length > 0 && { hint: `stages here: ${names.join(', ')}` }),
  });
}

/** An image that cannot be had may be a stage's name written wrongly: says which stages there are. */
export function withStages(error: unknown, name: string, nodes: readonly StageNode[]): unknown {
  const names = namesOf(nodes);
  if (!(error instanceof StrataError) || error.code !== 'base_not_found' || error.hint !== undefined) return error;
  if (names.length === 0 || /[/:@]/.test(name)) return error;
  const near = suggestion(name, names, false);
  const hint = `no stage is named ${JSON.stringify(name)}; stages here: ${names.join(', ')}`;
  return new StrataError(error.kind, error.message, {
    code: error.code,
    cause: error,
    hint: near === undefined ? hint : `${hint} (did you mean ${near}?)`,
  });
}

function namesOf(nodes: readonly StageNode[]): readonly string[] {
  return nodes.flatMap(({ stage }) => (stage.name === undefined ? [] : [stage.name]));
}

/** `COPY --from`: a stage by number or name; undefined for an image or a named context. */
export function findCopySource(nodes: readonly StageNode[], from: string): StageNode | undefined {
  if (!/^[+-]?[0-9]+$/.test(from)) return findByName(nodes, from);
  const node = nodes[Number(from)];
  if (!node) throw new StrataError('invalid_argument', `invalid stage index ${Number(from)}`);
  return node;
}

/** The stages that the instructions of `node` take something from. */
function dependencies(nodes: readonly StageNode[], node: StageNode): { to: StageNode; by: Instruction }[] {
  const out: { to: StageNode; by: Instruction }[] = [];
  const add = (to: StageNode | undefined, by: Instruction) => to && out.push({ to, by });
  if (node.base.kind === 'stage') add(node.base.node, node.stage.from);
  for (const instruction of node.stage.instructions) {
    if (instruction.kind === 'copy' && instruction.from !== undefined) {
      add(findCopySource(nodes, instruction.from), instruction);
    } else if (instruction.kind === 'run') {
      for (const from of mountSources(instruction)) add(findByName(nodes, from), instruction);
    }
  }
  return out;
}

/** A stage and all that it is built on or takes something from. */
export function neededStages(nodes: readonly StageNode[], target: StageNode): readonly StageNode[] {
  const needed = new Set([target]);
  for (const node of needed) for (const { to } of dependencies(nodes, node)) needed.add(to);
  return [...needed];
}

/** `from` of the mounts; it cannot hold variables, and anything wrong is told when the step is read. */
export function mountSources(run: RunInstruction): string[] {
  return mountsOf(run).flatMap(({ from }) => (from === undefined ? [] : [from]));
}

function mountsOf(run: RunInstruction): ReturnType<typeof parseRunMounts> {
  try {
    return parseRunMounts(run.mountSpecs);
  } catch {
    return [];
  }
}

/** Refuses to take anything from a stage further down, as the reference does. Without a target every stage counts. */
export function refuseLaterStages(dockerfile: Dockerfile, nodes: readonly StageNode[], target?: StageNode): void {
  const open = target ? [target] : [...nodes];
  const seen = new Set(open);
  for (const node of open) {
    for (const instruction of node.stage.instructions) {
      at(dockerfile, instruction.location, () => refuseLater(nodes, node, instruction));
    }
    for (const { to } of at(dockerfile, node.stage.location, () => dependencies(nodes, node))) {
      if (!seen.has(to)) open.push(to);
      seen.add(to);
    }
  }
}

function refuseLater(nodes: readonly StageNode[], node: StageNode, instruction: Instruction): void {
  const isLater = (source: StageNode | undefined) => source !== undefined && source.index > node.index;
  if (
    instruction.kind === 'copy' &&
    instruction.from !== undefined &&
    isLater(findCopySource(nodes, instruction.from))
  ) {
    const [from, here] = [JSON.stringify(instruction.from), JSON.stringify(node.label)];
    throw new StrataError(
      'invalid_argument',
      `cannot copy from stage ${from}, it needs to be defined before current stage ${here}`,
    );
  }
  if (instruction.kind !== 'run') return;
  for (const { from, target = '' } of mountsOf(instruction)) {
    if (from === undefined || !isLater(findByName(nodes, from))) continue;
    throw new StrataError(
      'invalid_argument',
      `cannot mount from stage ${JSON.stringify(from)} to ${JSON.stringify(target)}, stage needs to be defined before current command`,
    );
  }
}

/** Refuses stages that need each other. */
export function refuseCycles(dockerfile: Dockerfile, nodes: readonly StageNode[]): void {
  const visited = new Set<StageNode>();
  const path = new Set<StageNode>();
  const visit = (node: StageNode): Instruction | undefined => {
    if (visited.has(node)) return undefined;
    visited.add(node);
    path.add(node);
    const found = at(dockerfile, node.stage.location, () => dependencies(nodes, node));
    for (const { to, by } of found) {
      if (path.has(to)) return by;
      const culprit = visit(to);
      if (culprit) return culprit;
    }
    path.delete(node);
    return undefined;
  };
  for (const node of nodes) {
    const culprit = visit(node);
    if (!culprit) continue;
    throw new StrataError(
      'invalid_argument',
      `circular dependency detected on stage: ${node.label || `stage-${node.index}`}`,
      {
        code: 'circular_dependency',
        location: withExcerpt(culprit.location, dockerfile.lines),
      },
    );
  }
}
