import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What aardvark-dns answers from: one file for each network, one line for each member (`id IPv4 IPv6 names…`, names separated by
 * commas), which it reads again on SIGHUP. netavark writes the same files: the caller sees to it that it does not at the same time.
 * A container that is linked to others has one more line for each, with its own id, so that they go with it.
 */

/** Gives a container other names. */
export function replaceDnsNames(
  folder: string,
  containerID: string,
  names: Readonly<Record<string, readonly string[]>>,
): void {
  for (const [network, wanted] of Object.entries(names))
    rewrite(folder, network, (lines) =>
      lines.map((line) => {
        const [id, ip4, ip6, , ...rest] = line.split(' ');
        return id === containerID && isOwn(line) ? [id, ip4, ip6, wanted.join(','), ...rest].join(' ') : line;
      }),
    );
  wake(join(folder, 'aardvark.pid'));
}

export interface LinkedNames {
  readonly address: string;
  readonly names: readonly string[];
}

/**
 * Gives other containers the names that this one has for them; all of the network can ask for these. A name that means
 * another container already stays that one's. Resolves with what can be asked for.
 */
export function replaceLinkedNames(
  folder: string,
  containerID: string,
  network: string,
  links: readonly LinkedNames[],
): readonly LinkedNames[] {
  const told: LinkedNames[] = [];
  rewrite(folder, network, (lines) => {
    const kept = lines.filter((line) => !line.startsWith(`${containerID} `) || isOwn(line));
    for (const { address, names } of links) {
      const free = names.filter(
        (name) => /^[\w.-]{1,253}$/.test(name) && kept.every((line) => !means(line, name, address)),
      );
      if (free.length === 0) continue;
      told.push({ address, names: free });
      kept.splice(kept.at(-1) === '' ? -1 : kept.length, 0, `${containerID} ${address}  ${free.join(',')}`);
    }
    return kept;
  });
  wake(join(folder, 'aardvark.pid'));
  return told;
}

/** Whether it is a member's own line: among its names is the begin of its id. */
function isOwn(line: string): boolean {
  const [id = '', , , names = ''] = line.split(' ');
  return names.split(',').includes(id.slice(0, 12));
}

/** Whether the name is that of another address already. */
function means(line: string, name: string, address: string): boolean {
  const [, ip4, , names = ''] = line.split(' ');
  return ip4 !== address && names.split(',').includes(name);
}

function rewrite(folder: string, network: string, change: (lines: string[]) => readonly string[]): void {
  const file = join(folder, network);
  if (!existsSync(file)) return;
  const changed = change(readFileSync(file, 'utf8').split('\n'));
  // A dot file is no network to aardvark-dns, if it reads the folder now.
  const temporary = join(folder, `.${network}`);
  writeFileSync(temporary, changed.join('\n'), { mode: 0o600 });
  renameSync(temporary, file);
}

function wake(pidFile: string): void {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    if (pid > 1 && readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('aardvark')) process.kill(pid, 'SIGHUP');
  } catch {
    // It does not run: it reads the files when it starts.
  }
}
