import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianMirror } from './debian-mirror.ts';
import { kept, type Say } from './kept.ts';
import { run } from './run.ts';

const release = 'forky';

/**
 * What packages of a newer Debian hold, in a folder that is kept between runs; they are not installed. For programs
 * that Debian 12 does not have yet and that need no more than the C library.
 */
export function fromNewerDebian(packages: readonly string[], say?: Say): string {
  return fromDebian('newer-debian', release, packages, say);
}

/** The docker client 20.10: the last one that speaks BuildKit's protocol by itself. Its path. */
export function oldDockerClient(say?: Say): string {
  return join(fromDebian('older-debian', 'bookworm', ['docker.io'], say), 'usr/bin/docker');
}

function fromDebian(folder: string, release: string, packages: readonly string[], say?: Say): string {
  return kept(
    {
      name: `${folder}/${packages.join('+')}`,
      what: `${packages.join(' and ')} of Debian ${release}`,
      recipe: release,
      make(folder) {
        withApt(`deb [trusted=yes] ${debianMirror()} ${release} main`, (apt, work) => {
          apt('download', ...packages);
          for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
            run('dpkg-deb', ['-x', join(work, file), folder]);
        });
      },
    },
    say,
  );
}

/** Lends apt-get with one source of packages alone, run in an empty folder; the machine's own lists stay as they are. */
export function withApt(source: string, use: (apt: (...args: string[]) => void, work: string) => void): void {
  const work = mkdtempSync(join(tmpdir(), 'strata-apt-'));
  try {
    mkdirSync(join(work, 'apt/lists'), { recursive: true });
    const sources = join(work, 'apt/sources.list');
    writeFileSync(sources, `${source}\n`);
    const options = [
      `Dir::Etc::SourceList=${sources}`,
      'Dir::Etc::SourceParts=/dev/null',
      `Dir::State::Lists=${join(work, 'apt/lists')}`,
      `Dir::Cache::pkgcache=${join(work, 'apt/pkgcache.bin')}`,
      `Dir::Cache::srcpkgcache=${join(work, 'apt/srcpkgcache.bin')}`,
      'APT::Sandbox::User=root',
      'Acquire::Languages=none',
    ].flatMap((option) => ['-o', option]);
    const apt = (...args: string[]) => void run('apt-get', [...options, '-qq', ...args], { cwd: work });
    apt('update');
    use(apt, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
