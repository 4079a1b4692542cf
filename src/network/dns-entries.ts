import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Gives a container other names in what aardvark-dns answers from: one file for each network, one line for each member
 * (`id IPv4 IPv6 names…`, names separated by commas), which it reads again on SIGHUP. netavark writes the same files: the
 * caller sees to it that it does not at the same time.
 */
export function replaceDnsNames(
  folder: string,
  containerID: string,
  names: Readonly<Record<string, readonly string[]>>,
): void {
  for (const [network, wanted] of Object.entries(names)) {
    const file = join(folder, network);
    if (!existsSync(file)) continue;
    const lines = readFileSync(file, 'utf8').split('\n');
    const changed = lines.map((line) => {
      const [id, ip4, ip6, _, ...rest] = line.split(' ');
      return id === containerID ? [id, ip4, ip6, wanted.join(','), ...rest].join(' ') : line;
    });
    // A dot file is no network to aardvark-dns, if it reads the folder now.
    const temporary = join(folder, `.${network}`);
    writeFileSync(temporary, changed.join('\n'), { mode: 0o600 });
    renameSync(temporary, file);
  }
  wake(join(folder, 'aardvark.pid'));
}

function wake(pidFile: string): void {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    if (pid > 1 && readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('aardvark')) process.kill(pid, 'SIGHUP');
  } catch {
    // It does not run: it reads the files when it starts.
  }
}
