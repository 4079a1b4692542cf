import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { debianMirror } from './debian-mirror.ts';

const cache = '/var/cache/strata/docker-plugins';

/**
 * A folder for DOCKER_CONFIG with the docker client's buildx and compose in it. Debian 12 does not have them yet: they
 * are taken from the packages of a newer Debian, without installing these; kept between runs.
 */
export function dockerPlugins(): string {
  const plugins = join(cache, 'cli-plugins');
  if (existsSync(plugins)) return cache;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    mkdirSync(join(work, 'lists'));
    const sources = join(work, 'sources.list');
    writeFileSync(sources, `deb [trusted=yes] ${debianMirror()} forky main\n`);
    const options = [
      `Dir::Etc::SourceList=${sources}`,
      'Dir::Etc::SourceParts=/dev/null',
      `Dir::State::Lists=${join(work, 'lists')}`,
      `Dir::Cache::pkgcache=${join(work, 'pkgcache.bin')}`,
      `Dir::Cache::srcpkgcache=${join(work, 'srcpkgcache.bin')}`,
      'APT::Sandbox::User=root',
      'Acquire::Languages=none',
    ].flatMap((option) => ['-o', option]);
    run('apt-get', [...options, 'update', '-qq'], work);
    run('apt-get', [...options, 'download', '-qq', 'docker-buildx', 'docker-compose'], work);
    const made = join(work, 'cli-plugins');
    mkdirSync(made);
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb'))) {
      run('dpkg-deb', ['-x', file, 'root'], work);
    }
    const from = join(work, 'root/usr/libexec/docker/cli-plugins');
    for (const name of readdirSync(from)) copyFileSync(join(from, name), join(made, name));
    renameSync(made, plugins);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return cache;
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stderr}`);
}
