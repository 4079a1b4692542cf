import { readFile, realpath, stat } from 'node:fs/promises';
import { isArchiveFile } from '../../layer/index.ts';
import { hostPlatform } from '../../oci/index.ts';
import { nameOf } from '../../sys/index.ts';
import type { BuildRequest, BuildResult } from '../../wire/index.ts';
import { readableText } from '../contexts/foreign-bytes.ts';
import { type ReadDockerfile, readDockerfile } from '../contexts/read-dockerfile.ts';
import { givenArguments } from '../frontend/scope.ts';
import type { BaseConfigs } from './base-configs.ts';
import { answerCall } from './call.ts';

/** Most bytes of a Dockerfile that is the whole context. */
const limit = 16 << 20;

/** Nothing is known of any image: each counts as one without settings. */
const noBases: BaseConfigs = { find: () => undefined, failure: undefined };

/**
 * Answers a request whose `call` is `check` without an engine: what a Dockerfile says can be read anywhere. Undefined
 * where the Dockerfile itself would have to be fetched or unpacked.
 */
export async function checkAlone(request: BuildRequest): Promise<BuildResult['report'] | undefined> {
  const file = await dockerfileOf(request);
  return file && answerCall(request, file, givenArguments(request.buildArgs), hostPlatform(), noBases);
}

async function dockerfileOf(request: BuildRequest): Promise<ReadDockerfile | undefined> {
  const { context } = request;
  if (context.kind === 'local') {
    const dir = await realpath(context.dir);
    return readDockerfile(request, { dir, label: context.label ?? dir, close: async () => undefined });
  }
  if (context.kind !== 'file' || request.dockerfile !== undefined) return undefined;
  if ((await stat(context.path)).size > limit || (await isArchiveFile(context.path))) return undefined;
  return { name: 'Dockerfile', ...readableText(nameOf(await readFile(context.path)), 'Dockerfile'), ignore: undefined };
}
