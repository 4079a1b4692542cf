/** All checks of one file, in the order in which the reference runs them. */

import { StrataError } from '../../errors/index.ts';
import type { Ignore } from '../ignore.ts';
import { locateFault, parseInReferenceOrder } from '../parse.ts';
import { type BuildArgs, type GlobalScopeOptions, globalScope, type PlatformParts } from '../scope.ts';
import { checkCopySource, findBaseStage } from '../stage-dependencies.ts';
import type { Dockerfile, Instruction, Stage, TolerantDockerfile, Warning } from '../types.ts';
import { checkDefaultBases, checkFromArguments, type FromResult } from './base-checks.ts';
import { type CheckConfig, parseCheckDirective } from './config.ts';
import { checkCasing, checkFaultyNode, checkInstructions, checkStageNames } from './parse-checks.ts';
import { reachableStages } from './reachable.ts';
import { createReporter, type Report } from './reporter.ts';
import { type RuleName, ruleset } from './rules.ts';
import { checkSizes } from './size-checks.ts';
import {
  asUserError,
  type BaseImageConfig,
  checkInstruction,
  checkTriggers,
  derivedState,
  initialState,
  type StageState,
} from './stage-checks.ts';

export interface CheckOptions {
  readonly buildArgs?: BuildArgs;
  /** Only this stage and what it needs is followed; without it every stage is. */
  readonly target?: string;
  /** Without `target`: follow only what the last stage needs, as a build does. Default false. */
  readonly reachableOnly?: boolean;
  /** Default linux/amd64. */
  readonly buildPlatform?: PlatformParts;
  readonly targetPlatform?: PlatformParts;
  /** The patterns of the context's .dockerignore, for CopyIgnoredFile. */
  readonly ignore?: Ignore;
  /** Throws what is wrong with the stages beyond their text; asked once the FROM lines are understood. */
  readonly verifyStages?: (dockerfile: Dockerfile) => void;
  /** Throws what is wrong with an instruction whose variables are filled in. */
  readonly verifyInstruction?: (instruction: Instruction) => void;
  /** What is known of a base image; undefined where nothing is, which counts as an image without settings. */
  readonly imageConfig?: (reference: string, platform: string | undefined) => BaseImageConfig | undefined;
  /** `docker` (default): the rules of the reference. `all`: ours about size, speed and secrets as well. */
  readonly rules?: 'docker' | 'all';
}

export interface CheckReport {
  readonly warnings: readonly Warning[];
  /**
   * The findings that make a check fail: those of Docker's rules, and of ours those that `experimental=` names. A file
   * that was written for Docker's rules alone passes here where it passes there.
   */
  readonly violations: readonly Warning[];
  /** What would fail the build: a syntax error, a word that cannot be expanded, or findings with `error=true`. */
  readonly error?: StrataError;
}

/** Checks a Dockerfile's text. Never throws: what is wrong with the file is in the report. */
export function checkText(text: string, options: CheckOptions & { readonly file?: string } = {}): CheckReport {
  const { file } = options;
  return checkParsed(parseInReferenceOrder(text, file === undefined ? {} : { file }), options);
}

/** The findings about a parsed Dockerfile. */
export function checkDockerfile(dockerfile: Dockerfile, options: CheckOptions = {}): readonly Warning[] {
  return checkParsed({ ...dockerfile, diagnostics: [] }, options).warnings;
}

/** Checks a file that was parsed already, with or without errors. */
export function checkParsed(dockerfile: TolerantDockerfile, options: CheckOptions = {}): CheckReport {
  let config: CheckConfig;
  try {
    config = parseCheckDirective(options.buildArgs?.['BUILDKIT_DOCKERFILE_CHECK'] ?? dockerfile.directives.check);
  } catch (error) {
    return { warnings: [], violations: [], error: asUserError(error) };
  }
  const origins = new Set<'docker' | 'strata'>(options.rules === 'all' ? ['docker', 'strata'] : ['docker']);
  const reporter = createReporter(config, origins);
  const fault = runAll(dockerfile, options, reporter.report);
  const { warnings } = reporter;
  const violations = warnings.filter(({ rule }) => isViolation(rule as RuleName, config));
  const error = fault ?? violationError(config, violations);
  return { warnings, violations, ...(error ? { error } : {}) };
}

function isViolation(rule: RuleName, config: CheckConfig): boolean {
  return ruleset[rule].origin === 'docker' || config.experimental.has(rule);
}

function violationError(config: CheckConfig, violations: readonly Warning[]): StrataError | undefined {
  if (!config.error || violations.length === 0) return undefined;
  const names = [...new Set(violations.map((warning) => warning.rule))].sort();
  return new StrataError('failed_precondition', `lint violation found for rules: ${names.join(', ')}`, {
    code: 'check_failed',
    hint: 'the file asks for this with "# check=error=true"',
  });
}

function runAll(dockerfile: TolerantDockerfile, options: CheckOptions, report: Report): StrataError | undefined {
  const broken = dockerfile.diagnostics[0];
  if (broken) {
    checkBeforeFault(dockerfile, broken, report);
    return broken;
  }
  const scopeOptions = scopeOptionsOf(options);
  for (const warning of dockerfile.warnings) report('NoEmptyContinuation', warning.location, warning.message);
  checkInstructions(dockerfile, report);
  checkStageNames(dockerfile, report);
  checkCasing(dockerfile, report);
  checkDefaultBases(dockerfile, scopeOptions, report);
  try {
    const globals = globalScope(dockerfile, scopeOptions);
    const bases = dockerfile.stages.map((stage) =>
      located(dockerfile, stage, () => checkFromArguments(stage, dockerfile, globals, scopeOptions, report)),
    );
    for (const instruction of dockerfile.stages.flatMap((stage) => stage.instructions)) {
      located(dockerfile, instruction, () => checkCopySource(instruction, dockerfile.directives.escape));
    }
    options.verifyStages?.(dockerfile);
    checkStages(dockerfile, bases, globals, options, report);
  } catch (error) {
    return asUserError(error);
  } finally {
    checkSizes(dockerfile, report, options.buildArgs);
  }
  return undefined;
}

/** What the reference has said by the time it meets a fault: nothing where the text cannot be read at all. */
function checkBeforeFault(dockerfile: TolerantDockerfile, fault: StrataError, report: Report): void {
  if (fault.code === 'dockerfile_syntax') return;
  const end = fault.location?.line ?? 0;
  for (const warning of dockerfile.warnings) report('NoEmptyContinuation', warning.location, warning.message);
  checkInstructions(dockerfile, (rule, location, message) => {
    if (location.line < end) report(rule, location, message);
  });
  const node = dockerfile.ast.find(({ range }) => range.line <= end && end <= range.endLine);
  if (node) checkFaultyNode(node, report);
}

function scopeOptionsOf(options: CheckOptions): GlobalScopeOptions {
  const fallback: PlatformParts = { os: 'linux', architecture: 'amd64' };
  const target = options.targetPlatform ?? options.buildPlatform ?? fallback;
  return {
    buildPlatform: options.buildPlatform ?? fallback,
    targetPlatform: target,
    buildArgs: options.buildArgs ?? {},
    ...(options.target === undefined ? {} : { target: options.target }),
  };
}

function checkStages(
  dockerfile: Dockerfile,
  bases: readonly FromResult[],
  globals: ReadonlyMap<string, string>,
  options: CheckOptions,
  report: Report,
): void {
  const context = {
    escape: dockerfile.directives.escape,
    globals,
    buildArgs: options.buildArgs ?? {},
    ignore: options.ignore,
    ...(options.verifyInstruction && { verify: options.verifyInstruction }),
    report,
  };
  const wanted = reachableStages(dockerfile, bases, options);
  const states: StageState[] = [];
  for (const stage of dockerfile.stages) {
    if (!wanted.has(stage.index)) continue;
    const base = bases[stage.index]!;
    const parent = findBaseStage(dockerfile, base.base, stage.index);
    const state = parent ? derivedState(states[parent.index]!) : imageState(stage, base, options, report);
    states[stage.index] = state;
    located(dockerfile, stage, () => checkTriggers(state, stage.from.location, context));
    for (const instruction of stage.instructions) {
      located(dockerfile, instruction, () => checkInstruction(instruction, state, context));
    }
  }
}

function imageState(stage: Stage, base: FromResult, options: CheckOptions, report: Report): StageState {
  if (base.base === 'scratch') return initialState({});
  const config = options.imageConfig?.(base.base, base.platform) ?? {};
  // Not TARGETPLATFORM, which a build argument may have changed.
  const { os, architecture, variant } = scopeOptionsOf(options).targetPlatform;
  const expected = base.platform ?? [os, architecture, variant].filter(Boolean).join('/');
  if (config.os && config.architecture) {
    const actual = `${config.os}/${config.architecture}`;
    if (actual !== expected.split('/').slice(0, 2).join('/')) {
      report(
        'InvalidBaseImagePlatform',
        stage.from.location,
        `Base image ${base.base} was pulled with platform "${actual}", expected "${expected}" for current build`,
      );
    }
  }
  return initialState(config);
}

/** Gives errors of `work` the place of what they belong to. */
function located<Result>(dockerfile: Dockerfile, at: Pick<Stage, 'location'>, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw locateFault(error, at.location, dockerfile.lines);
  }
}
