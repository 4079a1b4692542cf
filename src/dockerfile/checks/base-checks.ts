/** Checks of FROM lines: what their variables come to. */

import { StrataError } from '../../errors/index.ts';
import { type Expanded, expandWord } from '../expand-word.ts';
import { quote } from '../go-text.ts';
import { isImageName } from '../image-name.ts';
import { readPlatformName } from '../platform-name.ts';
import { type GlobalScopeOptions, globalScope } from '../scope.ts';
import { suggestion } from '../suggest.ts';
import type { Dockerfile, Stage } from '../types.ts';
import type { Report } from './reporter.ts';

type Scope = ReadonlyMap<string, string>;

/** Base names must be names of images with the defaults alone, whatever the arguments of this build are. */
export function checkDefaultBases(dockerfile: Dockerfile, options: GlobalScopeOptions, report: Report): void {
  try {
    const { buildArgs: _, ...withoutArgs } = options;
    const overrides = Object.fromEntries(
      Object.entries(options.buildArgs ?? {}).filter(([name]) => /^(BUILD|TARGET)[A-Z]+$/.test(name)),
    );
    const scope = globalScope(dockerfile, { ...withoutArgs, buildArgs: overrides });
    for (const stage of dockerfile.stages) {
      if (isImageName(expandIn(scope, stage.base, dockerfile).value)) continue;
      report(
        'InvalidDefaultArgInFrom',
        stage.from.location,
        `Default value for ARG ${stage.base} results in empty or invalid base image name`,
      );
    }
  } catch (error) {
    // The build itself will stumble over the same word and say so.
    if (!(error instanceof StrataError)) throw error;
  }
}

function expandIn(scope: Scope, text: string, dockerfile: Dockerfile): Expanded {
  return expandWord(text, (name) => scope.get(name), { escape: dockerfile.directives.escape });
}

export interface FromResult {
  /** The base with its variables expanded. */
  readonly base: string;
  readonly platform?: string;
}

/**
 * Expands a FROM and checks its arguments.
 *
 * @throws StrataError invalid_argument for a base or platform that comes to nothing
 */
export function checkFromArguments(
  stage: Stage,
  dockerfile: Dockerfile,
  scope: Scope,
  options: GlobalScopeOptions,
  report: Report,
): FromResult {
  const base = expandIn(scope, stage.base, dockerfile);
  reportUndeclared(stage, dockerfile, scope, base, report);
  if (base.value === '') throw fault(`base name (${stage.base}) should not be blank`);
  if (stage.platform === undefined) return { base: base.value };
  const platform = expandPlatform(stage.platform, dockerfile, scope);
  reportUndeclared(stage, dockerfile, scope, platform, report);
  checkPlatform(stage, platform, scope, options, report);
  if (platform.value === '') {
    const names = [...scope.keys()];
    const hint = [...platform.unmatched].map((name) => suggestion(name, names)).find((name) => name !== undefined);
    throw fault(
      `empty platform value from expression ${stage.platform}${hint === undefined ? '' : ` (did you mean ${hint}?)`}`,
    );
  }
  return { base: base.value, platform: platform.value };
}

function expandPlatform(text: string, dockerfile: Dockerfile, scope: Scope): Expanded {
  try {
    return expandIn(scope, text, dockerfile);
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    throw fault(`failed to process arguments for platform : ${error.message}`);
  }
}

function fault(message: string): StrataError {
  return new StrataError('invalid_argument', message);
}

function reportUndeclared(
  stage: Stage,
  dockerfile: Dockerfile,
  scope: Scope,
  { unmatched }: Expanded,
  report: Report,
): void {
  const declared = new Set([
    ...dockerfile.metaArgs.flatMap((instruction) => instruction.args.map((arg) => arg.key)),
    ...scope.keys(),
  ]);
  for (const name of unmatched) {
    if (declared.has(name)) continue;
    const near = suggestion(name, declared);
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
    report('UndefinedArgInFrom', stage.from.location, `FROM argument '${name}' is not declared${hint}`);
  }
}

function checkPlatform(
  stage: Stage,
  expanded: Expanded,
  scope: Scope,
  options: GlobalScopeOptions,
  report: Report,
): void {
  const { matched, unmatched, value } = expanded;
  if (matched.size === 1 && unmatched.size === 0 && matched.has('TARGETPLATFORM')) {
    if (value !== scope.get('TARGETPLATFORM')) return;
    report(
      'RedundantTargetPlatform',
      stage.from.location,
      `Setting platform to predefined ${stage.platform} in FROM is redundant as this is the default behavior`,
    );
  }
  if (matched.size > 0 || unmatched.size > 0) return;
  const platform = readPlatformName(value, options.targetPlatform);
  const name = stage.name ?? '';
  if (!platform || name.includes(platform.os) || name.includes(platform.architecture)) return;
  report(
    'FromPlatformFlagConstDisallowed',
    stage.from.location,
    `FROM --platform flag should not use constant value ${quote(value)}`,
  );
}
