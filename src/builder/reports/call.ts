import {
  type CheckOptions,
  checkText,
  createIgnore,
  type Dockerfile,
  globalScope,
  parseDockerfile,
  type Stage,
} from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';
import { hostPlatform, type Platform } from '../../oci/index.ts';
import type { BuildRequest, BuildResult } from '../../wire/index.ts';
import type { ReadDockerfile } from '../contexts/read-dockerfile.ts';
import { verifyCopy } from '../frontend/copy-step.ts';
import { Scope } from '../frontend/scope.ts';
import { verifiedStages } from '../frontend/verify.ts';
import type { BaseConfigs } from './base-configs.ts';
import { checkAnswer } from './check.ts';
import { outlineAnswer } from './outline.ts';
import { targetsAnswer } from './targets.ts';

/** Answers `--call`: nothing is built. */
export function answerCall(
  request: BuildRequest,
  file: ReadDockerfile,
  given: Readonly<Record<string, string>>,
  platform: Platform,
  bases: BaseConfigs,
): NonNullable<BuildResult['report']> {
  const { name, text } = file;
  const scope = (dockerfile: Dockerfile) =>
    new Scope(
      globalScope(dockerfile, {
        buildPlatform: hostPlatform(),
        targetPlatform: platform,
        buildArgs: given,
        ...(request.target && { target: request.target }),
      }),
    );
  if (request.call === 'check') {
    const reach = request.target ? 'target' : 'all';
    const options: CheckOptions = {
      ...checkOptions(request, file, given, platform, bases.find),
      // A build is warned of what it meets; who asks is told of every stage, and of size, speed and secrets as well.
      reachableOnly: false,
      rules: 'all',
      verifyStages: (dockerfile) => {
        verifiedStages(dockerfile, scope(dockerfile), request, reach);
        if (bases.failure) throw bases.failure;
      },
      verifyInstruction: verifyCopy,
    };
    const found = checkText(text, { file: name, ...options });
    return checkAnswer(found, { name, shown: request.shownName ?? name, text });
  }
  const dockerfile = parseDockerfile(text, { file: name });
  if (request.call === 'targets') return targetsAnswer(dockerfile, text);
  if (request.call !== 'outline') {
    throw new StrataError('unsupported', `unsupported request ${JSON.stringify(request.call)}`, {
      hint: 'there are check, outline and targets',
    });
  }
  const { target } = request;
  const stage = target ? dockerfile.stages.findLast(isNamed(target)) : dockerfile.stages.at(-1);
  if (!stage) throw new StrataError('invalid_argument', `target stage ${JSON.stringify(target)} could not be found`);
  if (bases.failure) throw bases.failure;
  const globals = globalScope(dockerfile, {
    buildPlatform: hostPlatform(),
    targetPlatform: platform,
    buildArgs: given,
    ...(target && { target }),
  });
  return outlineAnswer(dockerfile, text, stage, globals, given, bases);
}

function isNamed(target: string): (stage: Stage) => boolean {
  return (stage) => stage.name === target.toLowerCase();
}

/** What the checks of a build and of `--call=check` know. */
export function checkOptions(
  request: BuildRequest,
  file: ReadDockerfile,
  given: Readonly<Record<string, string>>,
  platform: Platform,
  imageConfig: NonNullable<CheckOptions['imageConfig']>,
): CheckOptions {
  return {
    buildArgs: given,
    ...(request.target && { target: request.target }),
    reachableOnly: true,
    buildPlatform: hostPlatform(),
    targetPlatform: platform,
    ...(file.ignore !== undefined && { ignore: createIgnore(file.ignore) }),
    imageConfig,
  };
}
