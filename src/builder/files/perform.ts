import { basename } from 'node:path/posix';
import { statSync } from '../../sys/index.ts';
import { DigestSink } from './digest-sink.ts';
import type { DigestTable } from './digest-table.ts';
import { DiskSink } from './disk-sink.ts';
import { fits } from './fits.ts';
import type { CopyJob, Job, JobResults, MkdirJob, ScanJob, Selection, SourceTree } from './jobs.ts';
import { dateFolders, type FolderLook, makeFolders, place } from './target.ts';
import { TargetView } from './target-view.ts';
import { timeOf } from './time.ts';
import { missing, Tree } from './tree.ts';
import { walk } from './walk.ts';
import { expandWildcards, splitWildcards } from './wildcards.ts';

export interface Surroundings {
  readonly table: DigestTable;
  readonly umask: number;
  /** Called often; throws when the job is cancelled. */
  readonly tick: () => void;
}

export function perform<Kind extends Job['kind']>(
  job: Extract<Job, { kind: Kind }>,
  around: Surroundings,
): JobResults[Kind];
export function perform(job: Job, around: Surroundings): JobResults[Job['kind']] {
  switch (job.kind) {
    case 'scan':
      return withTree(job.source, (tree) => scan(tree, job, around));
    case 'match':
      return withTree(job.source, (tree) =>
        matches(tree, job.selection).map(({ path, selected }) => ({ selected, path: `/${path}` })),
      );
    case 'missing':
      return withTree(job.source, (tree) => findMissing(tree, job.paths));
    case 'copy':
      return withTree(job.source, (tree) => copy(tree, job, around));
    case 'mkdir':
      return mkdir(job);
    case 'fits':
      return fits(job);
    case 'read':
      return new TargetView(job.target).readFile(job.target.path, job.limit) ?? null;
  }
}

function withTree<Result>(source: SourceTree, use: (tree: Tree) => Result): Result {
  const tree = new Tree(source);
  try {
    return use(tree);
  } finally {
    tree.close();
  }
}

interface Match {
  /** Where the tree has it, free of links. */
  readonly path: string;
  /** What it is called: the last component as it was selected. */
  readonly name: string;
  /** The path that named it. */
  readonly selected: string;
}

/** What a selection names. `not_found` for a path without patterns that is not there; patterns may match nothing. */
function matches(tree: Tree, selection: Selection): Match[] {
  const { fixed, pattern } = selection.wildcards ? splitWildcards(selection.path) : fixedOnly(selection.path);
  if (pattern === '') {
    const path = tree.resolve(fixed, selection.follow);
    if (path === undefined) throw missing(fixed);
    return [{ path, name: basename(fixed), selected: fixed }];
  }
  const base = tree.resolve(fixed, selection.follow);
  if (base === undefined || !isFolder(tree, base)) return [];
  return expandWildcards(tree, base, pattern).flatMap((found) => {
    const path = tree.resolve(found, selection.follow);
    if (path === undefined) throw missing(`/${found}`);
    return [{ path, name: basename(found), selected: `/${found}` }];
  });
}

/** From the last to the first, as the reference happens to tell them. */
function findMissing(tree: Tree, paths: readonly string[]): JobResults['missing'] {
  const path = paths.findLast((wanted) => tree.resolve(wanted, true) === undefined);
  if (path === undefined) return null;
  const rule = tree.hiddenBy(path);
  return rule === undefined ? { path } : { path, rule };
}

function fixedOnly(path: string) {
  return { fixed: path, pattern: '' };
}

function isFolder(tree: Tree, path: string): boolean {
  return statSync(`/proc/self/fd/${tree.rootFd}/${path}`).isDirectory();
}

function scan(tree: Tree, job: ScanJob, { table, tick }: Surroundings): JobResults['scan'] {
  const sink = new DigestSink(table, job.look.chown === undefined);
  for (const match of matches(tree, job.selection)) {
    sink.begin(match.name);
    walk(tree, match.path, job.selection, job.look, sink, { tick });
  }
  return sink.report();
}

function copy(tree: Tree, job: CopyJob, { table, umask, tick }: Surroundings): JobResults['copy'] {
  const digests = new DigestSink(table, job.look.chown === undefined);
  const view = new TargetView(job.target);
  for (const match of matches(tree, job.selection)) {
    digests.begin(match.name);
    copyOne(tree, match, job, { view, umask, tick, digests, table });
  }
  view.settle();
  return job.digest ? digests.report() : { digest: '', files: 0, bytes: 0 };
}

function copyOne(
  tree: Tree,
  match: Match,
  job: CopyJob,
  { view, umask, tick, digests, table }: Surroundings & { view: TargetView; digests: DigestSink },
): void {
  const stat = statOf(tree, match.path);
  const time = job.epoch === undefined ? timeOf(stat.mtimeNs) : ([job.epoch, 0] as [number, number]);
  const look: FolderLook = { owner: job.look.chown, mode: folderMode(job.look.mode), time };
  const source = { name: match.name, isFolder: stat.isDirectory() };
  const { path, made } = place(view, job.target.path, source, job.target.contentsOnly, look);
  const sink = new DiskSink({
    view,
    path,
    epoch: job.epoch,
    umask,
    digests: job.digest ? digests : undefined,
    table,
    tick,
  });
  walk(tree, match.path, job.selection, job.look, sink, { tick });
  dateFolders(view, made, time);
}

function statOf(tree: Tree, path: string) {
  return statSync(`/proc/self/fd/${tree.rootFd}/${path}`, { bigint: true });
}

/** Folders made on the way take the plain permission bits of an octal `--chmod`, less the usual umask. */
function folderMode(mode: number | undefined): number {
  return mode === undefined ? 0o755 : mode & 0o777 & ~0o022;
}

function mkdir(job: MkdirJob): null {
  const time = job.epoch === undefined ? undefined : ([job.epoch, 0] as [number, number]);
  const look = { owner: job.owner, mode: job.mode ?? 0o755, time };
  const view = new TargetView(job.target);
  dateFolders(view, makeFolders(view, view.resolve(job.target.path), look), time);
  view.settle();
  return null;
}
