/** DeletedInLaterLayer: `rm` of what an earlier layer made, as far as the text alone tells where that was. */

import { posix } from 'node:path';
import { expandWord } from '../expand-word.ts';
import type { BuildArgs } from '../scope.ts';
import { findBaseStage } from '../stage-dependencies.ts';
import type { AddInstruction, CopyInstruction, Dockerfile, Instruction, Stage } from '../types.ts';
import { filesMadeBy, isOnlyPreparation } from './made-files.ts';
import type { Report } from './reporter.ts';
import { operandsOf, programOf, type ShellCommand } from './shell-text.ts';

/** What a layer holds. */
interface Made {
  readonly path: string;
  readonly line: number;
  /** There is something in it: an empty folder costs nothing. */
  filled: boolean;
}

/** What is known at some line of a stage. */
interface Trace {
  made: Made[];
  readonly variables: Map<string, string>;
  workdir: string;
}

export interface DeletedFilesOptions {
  readonly buildArgs?: BuildArgs;
  /** The simple commands of a RUN. */
  readonly commandsOf: (run: Extract<Instruction, { kind: 'run' }>) => readonly ShellCommand[];
}

/** Most `*` and `?` of a path: each one more multiplies the time that a comparison can take. */
const maxWildcards = 4;

/** Most entries that are followed: a longer file is an attack on the time of a check. */
const maxMade = 1000;

/** Looks at the stages that are shipped, each after the one that it is built on. */
export function checkDeletedFiles(
  dockerfile: Dockerfile,
  shipped: ReadonlySet<Stage>,
  options: DeletedFilesOptions,
  report: Report,
): void {
  const globals = new Map<string, string>();
  for (const { args } of dockerfile.metaArgs) setArguments(globals, new Map(), args, options.buildArgs);
  const traces = new Map<Stage, Trace>();
  for (const stage of dockerfile.stages) {
    if (!shipped.has(stage)) continue;
    const parent = findBaseStage(dockerfile, stage.base, stage.index);
    const base = parent && traces.get(parent);
    // Nearly every base image leaves its working directory at the root.
    const trace: Trace = {
      made: base ? base.made.map((file) => ({ ...file })) : [],
      variables: new Map(base?.variables),
      workdir: base?.workdir ?? '/',
    };
    traces.set(stage, trace);
    for (const instruction of stage.instructions) follow(instruction, trace, globals, options, report);
  }
}

function follow(
  instruction: Instruction,
  trace: Trace,
  globals: ReadonlyMap<string, string>,
  options: DeletedFilesOptions,
  report: Report,
): void {
  const { line } = instruction.location;
  switch (instruction.kind) {
    case 'arg':
      setArguments(trace.variables, globals, instruction.args, options.buildArgs);
      return;
    case 'env':
      for (const { key, value = '' } of instruction.pairs) setValue(trace.variables, key, value);
      return;
    case 'workdir': {
      const path = expand(instruction.path, trace.variables);
      if (path !== undefined) trace.workdir = posix.resolve(trace.workdir, path);
      return;
    }
    case 'copy':
    case 'add':
      add(
        trace,
        madeByCopy(instruction, trace).map((path) => ({ path, line, filled: true })),
      );
      return;
    case 'run':
      followRun(instruction, trace, options.commandsOf(instruction), report);
      return;
    default:
      return;
  }
}

function setArguments(
  variables: Map<string, string>,
  globals: ReadonlyMap<string, string>,
  args: readonly { readonly key: string; readonly value?: string }[],
  given: BuildArgs | undefined,
): void {
  for (const { key, value } of args) {
    const known = given?.[key] ?? (value === undefined ? globals.get(key) : undefined);
    if (known !== undefined && known !== null) variables.set(key, known);
    else if (value !== undefined) setValue(variables, key, value);
  }
}

function setValue(variables: Map<string, string>, key: string, value: string): void {
  const expanded = expand(value, variables);
  if (expanded === undefined) variables.delete(key);
  else variables.set(key, expanded);
}

/** Undefined where a variable is not known or the word cannot be read. */
function expand(word: string, variables: ReadonlyMap<string, string>): string | undefined {
  try {
    const { value, unmatched } = expandWord(word, (name) => variables.get(name));
    return unmatched.size === 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Absolute paths of the files that a COPY or ADD makes, where the text alone says so. */
function madeByCopy(instruction: CopyInstruction | AddInstruction, { variables, workdir }: Trace): string[] {
  const dest = expand(instruction.dest, variables);
  if (dest === undefined) return [];
  const target = posix.resolve(workdir, dest);
  const names = [...instruction.sources, ...instruction.files.map((file) => file.name)].map((name) =>
    expand(name, variables),
  );
  if (!/(^|\/)\.{0,2}$/.test(dest)) return names.length === 1 && target !== '/' ? [target] : [];
  return names
    .map((name) => posix.basename((name ?? '').replace(/[?#].*$/, '')))
    .filter((name) => name !== '' && name !== '.' && !/[*?$[]/.test(name))
    .map((name) => posix.join(target, name));
}

function followRun(
  instruction: Extract<Instruction, { kind: 'run' }>,
  trace: Trace,
  commands: readonly ShellCommand[],
  report: Report,
): void {
  const { location } = instruction;
  const fills = !commands.every(isOnlyPreparation);
  const touched = new Set<Made>();
  let fresh: Made[] = [];
  let isTold = false;
  let cwd: string | undefined = trace.workdir;
  for (const words of commands) {
    const command = words.map((word) => expandShellWord(word, trace.variables) ?? '$');
    if (programOf(command) === 'cd') {
      const [target = '/'] = operandsOf(command);
      cwd = resolveIn(cwd, target);
      continue;
    }
    if (programOf(command) !== 'rm') {
      for (const file of trace.made) if (!file.filled && isAbout(command, cwd, file.path)) touched.add(file);
      fresh.push(
        ...filesMadeBy(command).flatMap(({ path, isFolder }) => {
          const place = resolveIn(cwd, path);
          return place === undefined ? [] : [{ path: place, line: location.line, filled: !isFolder || fills }];
        }),
      );
      continue;
    }
    for (const word of operandsOf(command)) {
      const target = resolveIn(cwd, word);
      if (target === undefined) continue;
      const isGone = matcherOf(target);
      fresh = fresh.filter((file) => !isGone(file.path));
      const hidden = trace.made.filter((file) => isGone(file.path));
      trace.made = trace.made.filter((file) => !isGone(file.path));
      const origin = hidden.find((file) => file.filled);
      if (!origin || isTold) continue;
      isTold = true;
      report(
        'DeletedInLaterLayer',
        location,
        `${origin.path} was made on line ${origin.line}: deleting it in a later layer hides it and keeps its size`,
      );
    }
  }
  for (const file of touched) file.filled = true;
  add(trace, fresh);
}

function add(trace: Trace, files: readonly Made[]): void {
  trace.made.push(...files.slice(0, Math.max(0, maxMade - trace.made.length)));
}

function isAbout(command: ShellCommand, cwd: string | undefined, path: string): boolean {
  return cwd === path || cwd?.startsWith(`${path}/`) === true || command.some((word) => word.includes(path));
}

/** A word of the shell whose variables are known; undefined where one is not. */
function expandShellWord(word: string, variables: ReadonlyMap<string, string>): string | undefined {
  let isKnown = !word.includes('`') && !word.includes('$(');
  const expanded = word.replace(/\$(?:\{(\w+)\}|([A-Za-z_]\w*))/g, (_, braced?: string, plain?: string) => {
    const value = variables.get((braced ?? plain)!);
    if (value === undefined) isKnown = false;
    return value ?? '';
  });
  return isKnown && !expanded.includes('$') ? expanded : undefined;
}

function resolveIn(cwd: string | undefined, path: string): string | undefined {
  if (path === '' || path.includes('$') || path.startsWith('~')) return undefined;
  if (path.startsWith('/')) return posix.resolve(path);
  return cwd === undefined ? undefined : posix.resolve(cwd, path);
}

/** Whether `rm` of the target takes a path: the target itself, what is below it, and what its `*` and `?` stand for. */
function matcherOf(target: string): (path: string) => boolean {
  if (target === '/' || target.split(/[*?]/).length > maxWildcards + 1) return () => false;
  const pattern = target
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\*+/g, '[^/]*')
    .replaceAll('?', '[^/]');
  const form = new RegExp(`^${pattern}(?:/|$)`);
  return (path) => form.test(path);
}
