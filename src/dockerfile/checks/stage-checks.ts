/** Checks that follow a stage's variables and settings from instruction to instruction. */

import { StrataError } from '../../errors/index.ts';
import { expandInstruction } from '../expand-instruction.ts';
import { type Expanded, expandWords } from '../expand-word.ts';
import { quote } from '../go-text.ts';
import type { Ignore } from '../ignore.ts';
import { parseInstruction } from '../parse.ts';
import { splitPortSpec } from '../ports.ts';
import { type BuildArgs, setLast } from '../scope.ts';
import { suggestion } from '../suggest.ts';
import type { AddInstruction, CopyInstruction, Instruction, TextRange } from '../types.ts';
import type { Report } from './reporter.ts';

/** What a check has to know of a base image; what is left out counts as empty. */
export interface BaseImageConfig {
  readonly Env?: readonly string[];
  readonly Shell?: readonly string[];
  readonly OnBuild?: readonly string[];
  readonly os?: string;
  readonly architecture?: string;
}

/** What one stage hands to the stages that are built from it, and to its own next instruction. */
export interface StageState {
  readonly env: Map<string, string>;
  /** Names of the ARGs so far, with or without a value. */
  readonly args: Set<string>;
  shell: readonly string[];
  workdirSet: boolean;
  /** Triggers for the next stage. */
  readonly triggers: string[];
  /** The place of the instruction of a kind that a later one of its kind makes useless. */
  readonly latest: Map<string, TextRange>;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function initialState(config: BaseImageConfig): StageState {
  const env = new Map<string, string>();
  for (const entry of config.Env ?? []) {
    const cut = entry.indexOf('=');
    setLast(env, cut < 0 ? entry : entry.slice(0, cut), cut < 0 ? '' : entry.slice(cut + 1));
  }
  if (!env.has('PATH')) env.set('PATH', defaultPath);
  return {
    env,
    args: new Set(),
    shell: config.Shell ?? [],
    workdirSet: false,
    triggers: [...(config.OnBuild ?? [])],
    latest: new Map(),
  };
}

/** The state that a stage starts with when it is built from another one. */
export function derivedState(parent: StageState): StageState {
  return {
    env: new Map(parent.env),
    args: new Set(parent.args),
    shell: parent.shell,
    workdirSet: parent.workdirSet,
    triggers: [...parent.triggers],
    latest: new Map(),
  };
}

export interface StageCheckContext {
  readonly escape: string;
  readonly globals: ReadonlyMap<string, string>;
  readonly buildArgs: BuildArgs;
  readonly ignore?: Ignore | undefined;
  readonly verify?: (instruction: Instruction) => void;
  readonly report: Report;
}

/** Runs what the base image or stage asked its children to run; findings are placed at the FROM. */
export function checkTriggers(state: StageState, from: TextRange, context: StageCheckContext): void {
  const triggers = state.triggers.splice(0);
  for (const trigger of triggers) {
    checkInstruction({ ...parseInstruction(trigger), location: from }, state, context);
  }
}

/** @throws StrataError invalid_argument where the instruction cannot be expanded */
export function checkInstruction(instruction: Instruction, state: StageState, context: StageCheckContext): void {
  // EXPOSE is expanded by its own rule, and its unknown variables are nobody's concern.
  if (instruction.kind === 'expose') {
    checkExpose(instruction, state, context);
    return;
  }
  if (instruction.kind === 'arg') {
    checkArgs(instruction, state, context);
    return;
  }
  const expanded = expandInstruction(instruction, (name) => state.env.get(name), {
    escape: context.escape,
    onExpand: (result) => reportUndefined(result, instruction, state, context.report),
  });
  context.verify?.(expanded);
  apply(expanded, state, context);
}

function reportUndefined({ unmatched }: Expanded, instruction: Instruction, state: StageState, report: Report): void {
  for (const name of unmatched) {
    if (state.args.has(name)) continue;
    const near = suggestion(name, state.env.keys());
    const hint = near === undefined ? '' : ` (did you mean $${near}?)`;
    report('UndefinedVar', instruction.location, `Usage of undefined variable '$${name}'${hint}`);
  }
}

function apply(instruction: Instruction, state: StageState, context: StageCheckContext): void {
  const { report } = context;
  const name = instruction.keyword;
  switch (instruction.kind) {
    case 'env':
      for (const { key, value, legacy } of instruction.pairs) {
        if (legacy) reportLegacy(instruction, report);
        reportSecretName('ENV', key, instruction.location, report);
        setLast(state.env, key, value);
      }
      return;
    case 'label':
      for (const { legacy } of instruction.pairs) if (legacy) reportLegacy(instruction, report);
      return;
    case 'workdir':
      if (!state.workdirSet && !instruction.path.startsWith('/')) {
        const path = quote(instruction.path);
        report(
          'WorkdirRelativePath',
          instruction.location,
          `Relative workdir ${path} can have unexpected results if the base image changes`,
        );
      }
      state.workdirSet = true;
      return;
    case 'shell':
      state.shell = instruction.shell;
      return;
    case 'cmd':
    case 'entrypoint':
      checkUsedOnce(instruction, state, report);
      if (instruction.shell && state.shell.length === 0) {
        report(
          'JSONArgsRecommended',
          instruction.location,
          `JSON arguments recommended for ${name} to prevent unintended behavior related to OS signals`,
        );
      }
      return;
    case 'healthcheck':
      checkUsedOnce(instruction, state, report);
      return;
    case 'onbuild':
      state.triggers.push(instruction.expression);
      return;
    case 'copy':
    case 'add':
      checkIgnored(instruction, context);
      return;
    default:
      return;
  }
}

/** The place of the earlier instruction is reported: it is the one that has no effect. */
function checkUsedOnce(instruction: Instruction, state: StageState, report: Report): void {
  const earlier = state.latest.get(instruction.kind);
  if (earlier) {
    const message = `Multiple ${instruction.keyword} instructions should not be used in the same stage because only the last one will be used`;
    report('MultipleInstructionsDisallowed', earlier, message);
  }
  state.latest.set(instruction.kind, instruction.location);
}

function reportLegacy({ keyword, location }: Instruction, report: Report): void {
  const message = `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`;
  report('LegacyKeyValueFormat', location, message);
}

/** One argument after the other: each may use the ones before it. */
function checkArgs(
  instruction: Extract<Instruction, { kind: 'arg' }>,
  state: StageState,
  context: StageCheckContext,
): void {
  for (const definition of instruction.args) {
    const { key } = definition;
    const given = context.buildArgs[key] ?? undefined;
    reportSecretName('ARG', key, instruction.location, context.report);
    const expanded = given === undefined ? expandArg({ ...instruction, args: [definition] }, state, context) : given;
    const value = expanded ?? context.globals.get(key);
    if (value !== undefined) setLast(state.env, key, value);
    state.args.add(key);
  }
}

function expandArg(
  instruction: Extract<Instruction, { kind: 'arg' }>,
  state: StageState,
  context: StageCheckContext,
): string | undefined {
  const expanded = expandInstruction(instruction, (name) => state.env.get(name), {
    escape: context.escape,
    onExpand: (result) => reportUndefined(result, instruction, state, context.report),
  });
  return expanded.kind === 'arg' ? expanded.args[0]?.value : undefined;
}

const secretWords = 'apikey|auth|credential|credentials|key|password|pword|passwd|secret|token';
const secretName = new RegExp(`(?:_|^)(?:${secretWords})(?:_|$)`, 'i');
const publicName = /(?:_|^)public(?:_|$)/i;

function reportSecretName(instruction: string, key: string, location: TextRange, report: Report): void {
  if (!secretName.test(key) || publicName.test(key)) return;
  const message = `Do not use ARG or ENV instructions for sensitive data (${instruction} ${quote(key)})`;
  report('SecretsUsedInArgOrEnv', location, message);
}

function checkExpose(
  instruction: Extract<Instruction, { kind: 'expose' }>,
  state: StageState,
  context: StageCheckContext,
): void {
  const lookup = (name: string): string | undefined => state.env.get(name);
  const words = instruction.ports.flatMap((port) => expandWords(port, lookup, { escape: context.escape }));
  for (const word of words) checkPort(word, instruction.location, context.report);
  expandInstruction(instruction, lookup, { escape: context.escape });
}

function checkPort(word: string, location: TextRange, report: Report): void {
  const { ip, hostPort, containerPort, protocol } = splitPortSpec(word);
  // Without a port it is an error, and that is all there is to say.
  if (containerPort === '') return;
  if (protocol !== protocol.toLowerCase()) {
    report('ExposeProtoCasing', location, `Defined protocol '${word}' in EXPOSE instruction should be lowercase`);
  }
  if (ip !== '' || hostPort !== '') {
    const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${word}'`;
    report('ExposeInvalidFormat', location, message);
  }
}

/** Sources are compared as they are written: `./a` is never found, as in the reference. */
function checkIgnored(instruction: CopyInstruction | AddInstruction, { ignore, report }: StageCheckContext): void {
  if (!ignore || (instruction.kind === 'copy' && instruction.from !== undefined)) return;
  const verb = instruction.kind === 'copy' ? 'Copy' : 'Add';
  for (const source of instruction.sources) {
    if (/^[a-z]+:\/\/|^\.\/|^git@/.test(source) || !ignore(source)) continue;
    const message = `Attempting to ${verb} file ${quote(source)} that is excluded by .dockerignore`;
    report('CopyIgnoredFile', instruction.location, message);
  }
}

/** A StrataError is a finding about the file; anything else is our own mistake and goes on. */
export function asUserError(error: unknown): StrataError {
  if (error instanceof StrataError) return error;
  throw error;
}
