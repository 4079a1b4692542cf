import type { ReadDockerfile } from '../contexts/read-dockerfile.ts';
import { StrataError } from '../../errors/index.ts';
import type { BuildRequest, BuildResult } from '../types.ts';

/** Answers `--call`. */
export function answerCall(
  request: BuildRequest,
  file: ReadDockerfile,
  given: Readonly<Record<string, string>>,
): NonNullable<BuildResult['report']> {
  void file;
  void given;
  throw new StrataError('unsupported', `call ${request.call} is not supported`);
}
