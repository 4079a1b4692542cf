import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import {
  canonicalName,
  type Digest,
  familiarName,
  familiarRepository,
  parseReference,
  repositoryName,
  withDefaultTag,
} from '../oci/index.ts';
import type { SnapshotName, Snapshots } from '../snapshot/index.ts';
import type { ImageRow, Records } from './records.ts';
import type { ImageUse, RemovedImage } from './types.ts';

export interface RemoveParts {
  readonly db: Database;
  readonly records: Records;
  readonly snapshots: Snapshots;
  /** Snapshots that something other than an image keeps: cache records, containers. */
  readonly held: () => ReadonlySet<SnapshotName>;
}

/** Docker's rules for `image rm`: a name is untagged; the last name, or an id, deletes the image. */
export async function removeImage(
  parts: RemoveParts,
  text: string,
  options: { readonly force: boolean; readonly uses: readonly ImageUse[] },
): Promise<readonly RemovedImage[]> {
  const { records } = parts;
  const row = records.required(text);
  const short = row.id.slice(7, 19);
  const names = records.names(row.id);
  const running = options.uses.find((use) => use.running);
  const byID = isID(row, text);
  if (!byID) return await removeByName(parts, row, text, names, options);

  if (running) {
    throw conflict(
      `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container ${running.container.slice(0, 12)}`,
      'stop and remove the container first',
    );
  }
  if (!options.force) {
    const repositories = new Set(
      [...names, ...records.repoDigests(row.id)].map((name) => repositoryName(parseReference(name))),
    );
    if (repositories.size > 1) {
      throw conflict(
        `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
        'remove its names one by one, or use --force',
      );
    }
    if (options.uses[0]) {
      throw conflict(
        `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container ${options.uses[0].container.slice(0, 12)}`,
        'remove the container first, or use --force',
      );
    }
  }
  return [...untagAll(parts, row), ...(await deleteImage(parts, row))];
}

async function removeByName(
  parts: RemoveParts,
  row: ImageRow,
  text: string,
  names: readonly string[],
  options: { readonly force: boolean; readonly uses: readonly ImageUse[] },
): Promise<readonly RemovedImage[]> {
  const { db, records } = parts;
  const ref = parseReference(text);
  if (ref.digest !== undefined) {
    const { tag: _, ...untagged } = ref;
    db.run('DELETE FROM image_digests WHERE name = ?', canonicalName(untagged));
    const removed: RemovedImage[] = [{ untagged: familiarName(untagged) }];
    const inRepository = names.filter((name) => repositoryName(parseReference(name)) === repositoryName(ref));
    if (names.length === inRepository.length) {
      removed.push(...untagAll(parts, row), ...(await deleteImage(parts, row)));
    }
    return removed;
  }
  const canonical = canonicalName(withDefaultTag(ref));
  if (names.length === 1) {
    const use = options.uses.find((one) => one.running) ?? options.uses[0];
    if (use && !options.force) {
      throw conflict(
        `conflict: unable to remove repository reference "${text}" (must force) - container ${use.container.slice(0, 12)} is using its referenced image ${row.id.slice(7, 19)}`,
        'remove the container first, or use --force to take the name away',
      );
    }
    if (use) {
      // The container keeps the image; it only loses its name.
      db.run('DELETE FROM image_names WHERE name = ?', canonical);
      return [{ untagged: familiarName(withDefaultTag(ref)) }];
    }
    return [...untagAll(parts, row), ...(await deleteImage(parts, row))];
  }
  db.run('DELETE FROM image_names WHERE name = ?', canonical);
  const removed: RemovedImage[] = [{ untagged: familiarName(withDefaultTag(ref)) }];
  const repository = repositoryName(ref);
  const left = records.names(row.id).some((name) => repositoryName(parseReference(name)) === repository);
  if (!left) removed.push(...dropDigests(parts, row, repository));
  return removed;
}

function untagAll(parts: RemoveParts, row: ImageRow): RemovedImage[] {
  const { db, records } = parts;
  const removed = records.names(row.id).map((name): RemovedImage => ({ untagged: familiarName(parseReference(name)) }));
  db.run('DELETE FROM image_names WHERE image = ?', row.id);
  return [...removed, ...dropDigests(parts, row)];
}

function dropDigests({ db, records }: RemoveParts, row: ImageRow, repository?: string): RemovedImage[] {
  const names = records
    .repoDigests(row.id)
    .filter((name) => repository === undefined || repositoryName(parseReference(name)) === repository);
  for (const name of names) db.run('DELETE FROM image_digests WHERE name = ?', name);
  return names.map((name) => {
    const ref = parseReference(name);
    return { untagged: `${familiarRepository(ref)}@${ref.digest}` };
  });
}

/** The image's row, then its layers from the top down to the first that somebody else needs. */
export async function deleteImage(
  { db, snapshots, held }: RemoveParts,
  row: ImageRow,
): Promise<readonly RemovedImage[]> {
  const removed: RemovedImage[] = [{ deleted: row.id }];
  db.run('DELETE FROM images WHERE id = ?', row.id);
  const keep = held();
  for (let at = row.snapshot; at !== null; ) {
    const info = snapshots.stat(at);
    if (!info || keep.has(at) || db.get('SELECT 1 FROM images WHERE snapshot = ?', at)) break;
    try {
      await snapshots.remove(at);
    } catch (error) {
      if (error instanceof StrataError && error.kind === 'failed_precondition') break;
      throw error;
    }
    if (info.chainID) removed.push({ deleted: info.chainID });
    at = info.parent;
  }
  return removed;
}

/** Whether the text means the image by its id rather than by one of its names. */
function isID(row: ImageRow, text: string): boolean {
  const hex = text.startsWith('sha256:') ? text.slice(7) : text;
  return /^[a-f0-9]+$/.test(hex) && row.id.slice(7).startsWith(hex as Digest);
}

function conflict(message: string, hint: string): StrataError {
  return new StrataError('conflict', message, { code: 'image_in_use', hint });
}
