import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Result, RunOptions, TestEngine } from './engine.ts';
import { fromNewerDebian } from './newer-debian.ts';

const cache = '/var/cache/strata/docker-plugins';

/** A folder for DOCKER_CONFIG with the docker client's buildx and compose in it; kept between runs. */
export function dockerPlugins(): string {
  const plugins = join(cache, 'cli-plugins');
  if (existsSync(plugins)) return cache;
  const from = join(fromNewerDebian(['docker-buildx', 'docker-compose']), 'usr/libexec/docker/cli-plugins');
  mkdirSync(cache, { recursive: true });
  const made = mkdtempSync(join(cache, 'fetch-'));
  for (const name of readdirSync(from)) copyFileSync(join(from, name), join(made, name));
  renameSync(made, plugins);
  return cache;
}

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
