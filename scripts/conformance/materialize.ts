import {
  chmodSync,
  cpSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../run.ts';
import { type Case, contextOf, dateOf, fileOf } from './case.ts';

/** 2025-01-01: later times come from writing the files here, and not from the case. */
const recent = 1_735_689_600;

/** The case's files in a new folder: plain modes, owned by root, then what its setup makes of them, then one date for the rest. */
export function materialize(one: Case, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (one.files instanceof Map) {
    for (const [path, bytes] of one.files as ReadonlyMap<string, Buffer>) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
  } else {
    const from = (one.files as { folder: string }).folder;
    const filter = (path: string) => !/\/(case|expected)\.json$/.test(path);
    cpSync(from, folder, { recursive: true, verbatimSymlinks: true, filter });
  }
  for (const path of treeOf(folder)) {
    const { mode, isLink, isFolder } = kindOf(path);
    if (!isLink) chmodSync(path, isFolder || mode & 0o100 ? 0o755 : 0o644);
    lchownSync(path, 0, 0);
  }
  mkdirSync(join(folder, contextOf(one)), { recursive: true });
  if (fileOf(one, 'setup.sh')) run('sh', ['-eu', './setup.sh'], { cwd: folder, env: { LC_ALL: 'C' } });
  const date = dateOf(one);
  // Folders after what is in them.
  for (const path of treeOf(folder)) if (lstatSync(path).mtimeMs / 1000 > recent) lutimesSync(path, date, date);
}

function kindOf(path: string) {
  const stat = lstatSync(path);
  return { mode: stat.mode, isLink: stat.isSymbolicLink(), isFolder: stat.isDirectory() };
}

/** Everything below, and the folder itself at the end; folders after what is in them. */
function treeOf(folder: string): readonly string[] {
  const below = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? treeOf(path) : [path];
  });
  return [...below, folder];
}
