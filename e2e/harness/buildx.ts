import { join } from 'node:path';
import { dockerPlugins } from '../../scripts/docker-plugins.ts';
import type { Result, RunOptions, TestEngine } from './engine.ts';

/** The docker client with its plugins for an engine; its answer must come within a minute. */
export function dockerWithPlugins(
  engine: TestEngine,
): (args: readonly string[], options?: RunOptions) => Promise<Result> {
  const plugins = dockerPlugins();
  return (args, options = {}) =>
    engine.docker(args, {
      timeoutMs: 60_000,
      ...options,
      env: {
        DOCKER_CONFIG: plugins,
        DOCKER_BUILDKIT: '',
        BUILDX_CONFIG: join(engine.work, 'buildx'),
        ...options.env,
      },
    });
}
