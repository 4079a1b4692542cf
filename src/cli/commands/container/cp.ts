import { posix, resolve } from 'node:path';
import type { Client } from '../../../client/index.ts';
import { StrataError } from '../../../errors/index.ts';
import { lstatSync, readlinkSync, realpathSync, statSync } from '../../../sys/index.ts';
import type { PathStat } from '../../../wire/index.ts';
import { defineCommand } from '../../command.ts';
import { assertsFolder, keepEnd, parsePlace, splitEntry } from '../../copy/paths.ts';
import { type CopySource, type CopyTarget, planCopy } from '../../copy/plan.ts';
import { bool } from '../../flags/flag.ts';
import { humanSize } from '../../format/human-size.ts';
import type { Session } from '../../session.ts';

export const command = defineCommand({
  synopsis: ['[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-', '[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH'],
  details:
    "Use '-' as the source to read a tar archive from stdin and extract it to a directory\ndestination in a container. Use '-' as the destination to stream a tar archive of a\ncontainer source to stdout.",
  args: { min: 2, max: 2 },
  flags: {
    archive: bool('a', 'Archive mode (copy all uid/gid information)'),
    'follow-link': bool('L', 'Always follow symbol link in SRC_PATH'),
    quiet: bool('q', 'Suppress progress output during copy'),
  },
  async run({ flags, given, args, session, client }) {
    const [from, to] = args.map(parsePlace) as [ReturnType<typeof parsePlace>, ReturnType<typeof parsePlace>];
    if (from.container !== undefined && to.container !== undefined)
      throw fault('copying between containers is not supported');
    if (from.container === undefined && to.container === undefined)
      throw fault('must specify at least one container source');
    const options = { follow: flags['follow-link'], archive: flags.archive };
    const engine = await client();
    const copied =
      from.container !== undefined
        ? await copyOut(engine, session, from.container, from.path, to.path, options)
        : await copyIn(engine, session, from.path, to.container!, to.path, options);
    const quiet = given.has('quiet') ? flags.quiet : !session.stderr.isTTY;
    if (!quiet && copied) session.stderr.write(`Successfully copied ${humanSize(copied.bytes)} to ${copied.to}\n`);
    return 0;
  },
});

interface CopyOptions {
  readonly follow: boolean;
  readonly archive: boolean;
}

type Copied = { readonly bytes: number; readonly to: string } | undefined;

async function copyOut(
  { containers }: Client,
  session: Session,
  container: string,
  given: string,
  destination: string,
  { follow, archive }: CopyOptions,
): Promise<Copied> {
  if (destination === '') throw fault('destination can not be empty');
  const { path, entryName } = await sourcePath(containers, container, given, follow);
  const { stat, body } = await containers.getArchive(container, path);
  if (destination === '-') {
    for await (const chunk of body) {
      session.stdout.write(chunk);
      await session.stdout.drained();
    }
    return undefined;
  }
  const local = keepEnd(resolve(session.cwd, destination), destination);
  const source = { path: given, isFolder: isFolder(stat), entryName: entryName ?? splitEntry(given).base };
  const plan = planCopy(source, localTarget(local));
  const inArchive =
    entryName === undefined ? plan.rename : { from: splitEntry(path).base, to: plan.rename?.to ?? entryName };
  const { renameArchive } = await import('../../copy/rename-archive.ts');
  const { extractHere } = await import('../../copy/extract.ts');
  let bytes = 0;
  const counted = count(body, (length) => {
    bytes += length;
  });
  await extractHere(renameArchive(counted, inArchive), plan.folder, archive);
  return { bytes, to: local };
}

/** With --follow-link, what a link points to is copied under the name of the link. */
async function sourcePath(
  containers: Client['containers'],
  container: string,
  path: string,
  follow: boolean,
): Promise<{ path: string; entryName?: string }> {
  if (!follow) return { path };
  // Whatever is wrong with the path or the container, the daemon tells when it is asked for the archive.
  const stat = await containers.stat(container, path).catch(() => undefined);
  if (!stat || !isLink(stat)) return { path };
  const target = posix.resolve('/', splitEntry(path).folder, stat.linkTarget);
  return { path: target, entryName: splitEntry(path).base };
}

async function copyIn(
  { containers }: Client,
  session: Session,
  given: string,
  container: string,
  destination: string,
  { follow, archive }: CopyOptions,
): Promise<Copied> {
  const target = await containerTarget(containers, container, destination);
  const to = `${container}:${destination}`;
  const settings = { noOverwriteDirNonDir: true, copyUIDGID: archive };
  if (given === '-') {
    if (!target.isFolder) throw fault(`destination "${container}:${destination}" must be a directory`);
    await containers.putArchive(container, target.path, session.stdin, settings);
    return undefined;
  }
  const local = keepEnd(resolve(session.cwd, given), given);
  const { file, source } = localSource(local, follow);
  const plan = planCopy(source, target);
  const { archiveFiles } = await import('../../copy/archive-files.ts');
  const name = plan.rename?.to ?? source.entryName ?? splitEntry(local).base;
  let bytes = 0;
  const body = count(archiveFiles(file, name), (length) => {
    bytes += length;
  });
  await containers.putArchive(container, plan.folder, body, settings);
  return { bytes, to };
}

function localSource(path: string, follow: boolean): { file: string; source: CopySource } {
  const stats = lstatSync(path.replace(/(.)\/+$/, '$1'), { throwIfNoEntry: false });
  if (!stats)
    throw new StrataError('not_found', `lstat ${path}: no such file or directory`, { code: 'file_not_found' });
  const link = stats.isSymbolicLink();
  const real = link && (follow || assertsFolder(path)) ? realpathSync(path) : path.replace(/(.)\/+$/, '$1');
  const folder = lstatSync(real).isDirectory();
  if (!folder && assertsFolder(path)) throw fault('not a directory');
  return { file: real, source: { path, isFolder: folder } };
}

function localTarget(path: string): CopyTarget {
  const found = statSync(path.replace(/(.)\/+$/, '$1'), { throwIfNoEntry: false });
  if (found) {
    if (!found.isDirectory() && assertsFolder(path)) throw fault(`stat ${path}: not a directory`);
    return { path: found.isDirectory() ? path : realFile(path), exists: true, isFolder: found.isDirectory() };
  }
  const parent = splitEntry(path).folder;
  if (!statSync(parent, { throwIfNoEntry: false })?.isDirectory()) {
    throw new StrataError('not_found', `invalid output path: directory ${JSON.stringify(parent)} does not exist`, {
      code: 'no_such_folder',
    });
  }
  return { path, exists: false, isFolder: false };
}

/** A link at the destination stays, what it points to is replaced. */
function realFile(path: string): string {
  return lstatSync(path).isSymbolicLink() ? resolve(splitEntry(path).folder, readlinkSync(path)) : path;
}

async function containerTarget(
  containers: Client['containers'],
  container: string,
  given: string,
): Promise<CopyTarget> {
  let path = given;
  try {
    let stat = await containers.stat(container, path);
    if (isLink(stat)) {
      path = posix.resolve('/', splitEntry(path).folder, stat.linkTarget);
      stat = await containers.stat(container, path);
    }
    return { path, exists: true, isFolder: isFolder(stat) };
  } catch {
    // Its parent may be there; the daemon tells what is not.
    return { path, exists: false, isFolder: false };
  }
}

async function* count(bytes: AsyncIterable<Uint8Array>, add: (length: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    add(chunk.length);
    yield chunk;
  }
}

/** Bits of Go's FileMode. */
function isFolder({ mode }: PathStat): boolean {
  return Math.floor(mode / 2 ** 31) % 2 === 1;
}

function isLink({ mode }: PathStat): boolean {
  return Math.floor(mode / 2 ** 27) % 2 === 1;
}

function fault(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'bad_copy' });
}
