import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import { contextOf, type Expected, fileOf, readFurtherCases, readOwnCases } from '../../scripts/conformance/case.ts';
import {
  checkText,
  createdBy,
  type Dockerfile,
  expandInstruction,
  expandWord,
  findBaseStage,
  findStage,
  globalScope,
  type Instruction,
  parseDockerfile,
  parseInstruction,
  type Stage,
} from './index.ts';

interface Case {
  readonly name: string;
  readonly text: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly target: string | null;
  readonly pre: boolean;
  readonly expected: Expected;
}

const cases: readonly Case[] = [...readOwnCases(), ...readFurtherCases()].flatMap((one) => {
  const text = fileOf(one, one.dockerfile ?? `${contextOf(one)}/Dockerfile`);
  if (text === undefined) return [];
  const buildArgs: Record<string, string> = {};
  for (const [key, value] of Object.entries(one.buildArgs ?? {})) {
    const given = value ?? one.env?.[key];
    if (given !== undefined) buildArgs[key] = given;
  }
  const { name, expected, target = null } = one;
  return [{ name, text: text.toString(), buildArgs, target, pre: one.pre !== undefined, expected }];
});

const platform = { os: 'linux', architecture: 'amd64' };
const basePath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface State {
  readonly env: Map<string, string>;
  readonly args: Map<string, string>;
  readonly history: string[];
  readonly triggers: string[];
  shell: readonly string[];
  workdir: string;
}

/** A build in miniature: what becomes of environment, directory and history, and nothing on a disk. */
function run(dockerfile: Dockerfile, spec: Case): readonly string[] {
  const globals = globalScope(dockerfile, {
    buildPlatform: platform,
    targetPlatform: platform,
    buildArgs: spec.buildArgs,
    ...(spec.target ? { target: spec.target } : {}),
  });
  const states: State[] = [];
  for (const stage of dockerfile.stages) states.push(runStage(dockerfile, stage, spec, globals, states));
  const target = spec.target ? findStage(dockerfile, spec.target) : undefined;
  return states.at(target?.index ?? -1)!.history;
}

function runStage(
  dockerfile: Dockerfile,
  stage: Stage,
  spec: Case,
  globals: ReadonlyMap<string, string>,
  states: readonly State[],
): State {
  const base = expandWord(stage.base, (name) => globals.get(name)).value;
  const parent = findBaseStage(dockerfile, base, stage.index);
  const from = parent && states[parent.index]!;
  const state: State = {
    env: new Map(from?.env ?? [['PATH', basePath]]),
    args: new Map(from?.args),
    history: [...(from?.history ?? [])],
    triggers: [],
    shell: from?.shell ?? [],
    workdir: from?.workdir ?? '/',
  };
  const triggers = (from?.triggers ?? []).map((text) => parseInstruction(text));
  for (const instruction of [...triggers, ...stage.instructions]) {
    step(instruction, state, spec, globals, dockerfile.directives.escape);
  }
  return state;
}

function step(
  raw: Instruction,
  state: State,
  spec: Case,
  globals: ReadonlyMap<string, string>,
  escapeToken: string,
): void {
  let instruction = expandInstruction(raw, (name) => state.env.get(name), {
    escape: escapeToken,
    given: (name) => spec.buildArgs[name] ?? (name in spec.buildArgs ? '' : undefined),
  });
  if (instruction.kind === 'arg') {
    const args = instruction.args.map(({ key, value }) => {
      const used = spec.buildArgs[key] ?? value ?? globals.get(key);
      return used === undefined ? { key } : { key, value: used };
    });
    instruction = { ...instruction, args };
    for (const { key, value } of args) {
      if (value !== undefined) state.env.set(key, value);
      state.args.set(key, value ?? '');
    }
  }
  if (instruction.kind === 'env') for (const { key, value } of instruction.pairs) state.env.set(key, value);
  if (instruction.kind === 'shell') state.shell = instruction.shell;
  if (instruction.kind === 'onbuild') state.triggers.push(instruction.expression);
  if (instruction.kind === 'workdir') state.workdir = posix.resolve(state.workdir, instruction.path || '.');
  const buildArgs = [...state.args].map(([name, value]) => [name, state.env.get(name) ?? value] as const);
  const text = createdBy(instruction, { shell: state.shell, workdir: state.workdir, buildArgs });
  if (text !== undefined) state.history.push(text);
}

test('what cannot be parsed fails in the words of the reference', () => {
  let compared = 0;
  for (const { name, text, expected } of cases) {
    try {
      parseDockerfile(text);
    } catch (error) {
      assert.equal(expected.exit, 'error', `${name}: ${(error as Error).message}`);
      assert.equal((error as Error).message, expected.error_text, name);
      compared++;
    }
  }
  assert.ok(compared > 25);
});

test('a build leaves the history of the reference', () => {
  let compared = 0;
  for (const spec of cases) {
    const { expected, name } = spec;
    if (expected.exit !== 'ok' || !expected.history || spec.pre) continue;
    assert.deepEqual(
      run(parseDockerfile(spec.text), spec),
      expected.history.map((entry) => entry.created_by),
      name,
    );
    compared++;
  }
  assert.ok(compared > 200);
});

test('a build gives the warnings of the reference', () => {
  let compared = 0;
  for (const { name, text, expected, buildArgs, target, pre } of cases) {
    if (expected.exit !== 'ok' || pre) continue;
    const report = checkText(text, { buildArgs, reachableOnly: true, ...(target ? { target } : {}) });
    const got = new Set(report.warnings.map((warning) => `${warning.rule}: ${warning.message}`));
    // The first line that the reference prints begins with a colour code and was not recorded.
    const recorded = new Set(expected.warnings ?? []);
    assert.deepEqual([...recorded.difference(got)], [], name);
    assert.ok(got.difference(recorded).size <= 1, `${name}: ${[...got].join(', ')}`);
    assert.equal(report.error, undefined, name);
    compared += got.size;
  }
  assert.ok(compared > 60);
});
