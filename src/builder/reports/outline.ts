import {
  type Dockerfile,
  expandInstruction,
  expandWord,
  findBaseStage,
  findStage,
  type Instruction,
  parseRunMounts,
  type Stage,
  stageDependencies,
  type TextRange,
} from '../../dockerfile/index.ts';
import type { BuildResult } from '../../wire/index.ts';
import type { BaseConfigs } from './base-configs.ts';
import { rangesOf } from './check.ts';
import { commentFor } from './comment.ts';
import { table } from './table.ts';
import { descriptionOf } from './targets.ts';

interface Argument {
  readonly name: string;
  readonly value?: string;
  readonly description: string;
  readonly location: TextRange;
}

interface Need {
  readonly name: string;
  readonly required: boolean;
  readonly location: TextRange;
}

interface Outline {
  readonly args: Map<string, Argument>;
  readonly secrets: Map<string, Need>;
  readonly ssh: Map<string, Need>;
}

type Environment = ReadonlyMap<string, string>;

function emptyOutline(): Outline {
  return { args: new Map(), secrets: new Map(), ssh: new Map() };
}

function pairOf(line: string): [string, string] {
  const cut = line.indexOf('=');
  return cut < 0 ? [line, ''] : [line.slice(0, cut), line.slice(cut + 1)];
}

/** The answer of `--call=outline`: what a target takes from outside. */
export function outlineAnswer(
  dockerfile: Dockerfile,
  text: string,
  target: Stage,
  globals: ReadonlyMap<string, string>,
  given: Readonly<Record<string, string>>,
  bases: Pick<BaseConfigs, 'find'>,
): NonNullable<BuildResult['report']> {
  const outline = emptyOutline();
  const after = new Map<Stage, Environment>();
  /** The variables that a stage begins with: those of its base. */
  const environmentOf = (stage: Stage): Environment => {
    const [base = '', platform] = [stage.base, stage.platform].map(
      (text) => text && expandWord(text, (key) => globals.get(key)).value,
    );
    const parent = findBaseStage(dockerfile, base, stage.index);
    if (!parent) return new Map((bases.find(base, platform)?.Env ?? []).map(pairOf));
    const known =
      after.get(parent) ?? outlineStage(dockerfile, parent, globals, given, environmentOf(parent), emptyOutline());
    after.set(parent, known);
    return known;
  };
  const visited = new Set<Stage>();
  const visit = (stage: Stage) => {
    if (visited.has(stage)) return;
    visited.add(stage);
    outlineStage(dockerfile, stage, globals, given, environmentOf(stage), outline);
    for (const { via, name } of stageDependencies(stage)) {
      const base = via === 'from' ? expandWord(name, (key) => globals.get(key)).value : name;
      const next = via === 'from' ? findBaseStage(dockerfile, base, stage.index) : findStage(dockerfile, base);
      if (next) visit(next);
    }
  };
  visit(target);
  const description = descriptionOf(target);
  const byPlace = <T extends { location: TextRange }>(items: Iterable<T>) =>
    [...items].sort((a, b) => a.location.line - b.location.line);
  const args = byPlace(outline.args.values());
  const secrets = byPlace(outline.secrets.values());
  const ssh = byPlace(outline.ssh.values());
  const json = {
    ...(target.name !== undefined && { name: target.name }),
    ...(description !== '' && { description }),
    ...(args.length > 0 && { args: args.map(argumentJson) }),
    ...(secrets.length > 0 && { secrets: secrets.map(needJson) }),
    ...(ssh.length > 0 && { ssh: ssh.map(needJson) }),
    sources: [Buffer.from(text).toString('base64')],
  };
  return { text: outlineText(target, description, args, secrets, ssh), json, failed: false };
}

function outlineStage(
  dockerfile: Dockerfile,
  stage: Stage,
  globals: ReadonlyMap<string, string>,
  given: Readonly<Record<string, string>>,
  start: Environment,
  outline: Outline,
): Environment {
  const escapeToken = dockerfile.directives.escape;
  const environment = new Map(start);
  const scope = new Map(start);
  const used = expandWord(stage.base, (name) => globals.get(name), { escape: escapeToken }).matched;
  for (const name of used) addGlobal(dockerfile, name, globals, outline);
  const lookup = (name: string) => scope.get(name);
  for (const instruction of stage.instructions) {
    if (instruction.kind === 'env') {
      const expanded = expandInstruction(instruction, lookup, { escape: escapeToken });
      if (expanded.kind !== 'env') continue;
      for (const { key, value } of expanded.pairs) {
        scope.set(key, value);
        environment.set(key, value);
      }
    } else if (instruction.kind === 'arg') {
      const expanded = expandInstruction(instruction, lookup, {
        escape: escapeToken,
        given: (name) => given[name],
        inherited: (name) => globals.get(name),
      });
      if (expanded.kind !== 'arg') continue;
      for (const { key, value } of expanded.args) {
        const known = given[key] ?? value ?? globals.get(key);
        if (known !== undefined) scope.set(key, known);
        const inherited = value === undefined && given[key] === undefined && globals.has(key);
        if (inherited) addGlobal(dockerfile, key, globals, outline);
        else addArgument(instruction, key, known, outline);
      }
    } else if (instruction.kind === 'run') addMounts(instruction, outline);
  }
  return environment;
}

function addArgument(instruction: Instruction, name: string, value: string | undefined, { args }: Outline): void {
  if (args.has(name)) return;
  const description = commentFor(instruction, name);
  args.set(name, { name, ...(value !== undefined && { value }), description, location: instruction.location });
}

/** Arguments that are simply there (TARGETARCH) are nobody's to give. */
function addGlobal(dockerfile: Dockerfile, name: string, globals: ReadonlyMap<string, string>, outline: Outline): void {
  const definition = dockerfile.metaArgs.find(({ args }) => args.some(({ key }) => key === name));
  if (definition) addArgument(definition, name, globals.get(name), outline);
}

function addMounts(instruction: Extract<Instruction, { kind: 'run' }>, outline: Outline): void {
  for (const mount of parseRunMounts(instruction.mountSpecs)) {
    const name = mount.id ?? (mount.type === 'ssh' ? 'default' : (mount.target?.split('/').at(-1) ?? ''));
    const need = { name, required: mount.required, location: instruction.location };
    if (mount.type === 'secret' && !outline.secrets.has(name)) outline.secrets.set(name, need);
    if (mount.type === 'ssh' && !outline.ssh.has(name)) outline.ssh.set(name, need);
  }
}

function argumentJson({ name, value, description, location }: Argument) {
  return {
    name,
    ...(description !== '' && { description }),
    ...(value !== undefined && value !== '' && { value }),
    location: rangesOf(location),
  };
}

function needJson({ name, required, location }: Need) {
  return { name, ...(required && { required }), location: rangesOf(location) };
}

function outlineText(
  target: Stage,
  description: string,
  args: readonly Argument[],
  secrets: readonly Need[],
  ssh: readonly Need[],
): string {
  const head = [
    ...(target.name === undefined ? [] : [['TARGET:', target.name]]),
    ...(description === '' ? [] : [['DESCRIPTION:', description]]),
  ];
  const needs = (title: string, items: readonly Need[]) =>
    items.length === 0
      ? []
      : [table([[title, 'REQUIRED'], ...items.map(({ name, required }) => [name, required ? 'true' : ''])], 3)];
  const parts = [
    ...(head.length === 0 ? [] : [table(head)]),
    ...(args.length === 0
      ? []
      : [
          table(
            [
              ['BUILD ARG', 'VALUE', 'DESCRIPTION'],
              ...args.map(({ name, value = '', description: said }) => [name, value, said]),
            ],
            3,
          ),
        ]),
    ...needs('SECRET', secrets),
    ...needs('SSH', ssh),
  ];
  return parts.map((part) => `${part}\n`).join('');
}
