import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { debianMirror } from './debian-mirror.ts';

/**
 * What packages of a newer Debian hold, in a folder that is kept between runs; they are not installed. For programs
 * that Debian 12 does not have yet and that need no more than the C library.
 */
export function fromNewerDebian(packages: readonly string[]): string {
  const kept = join('/var/cache/strata/newer-debian', packages.join('+'));
  if (existsSync(kept)) return kept;
  mkdirSync(dirname(kept), { recursive: true });
  const work = mkdtempSync(`${kept}-fetch-`);
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
    run('apt-get', [...options, 'download', '-qq', ...packages], work);
    mkdirSync(join(work, 'root'));
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb'))) {
      run('dpkg-deb', ['-x', file, 'root'], work);
    }
    renameSync(join(work, 'root'), kept);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return kept;
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stderr}`);
}
