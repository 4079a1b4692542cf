import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { kept, type Say } from './kept.ts';
import { fromNewerDebian } from './newer-debian.ts';

/** A folder for DOCKER_CONFIG with the docker client's buildx and compose in it; kept between runs. */
export function dockerPlugins(say?: Say): string {
  const packages = fromNewerDebian(['docker-buildx', 'docker-compose'], say);
  return kept({
    name: 'docker-plugins',
    what: 'the plugins of the docker client',
    recipe: packages,
    make(folder) {
      const [from, to] = [join(packages, 'usr/libexec/docker/cli-plugins'), join(folder, 'cli-plugins')];
      mkdirSync(to);
      for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name));
    },
  });
}
