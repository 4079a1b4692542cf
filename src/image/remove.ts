import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import {
  canonicalName,
  type Digest,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  repositoryName,
  withDefaultTag,
} from '../oci/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import type { Collector } from './collector.ts';
import type { ImageRow, Records } from './records.ts';
import type { ImageUse, RemovedImage } from './types.ts';

/** Docker's rules for `image rm`, as Docker 28 has them: a name is untied; the last name, or an id, deletes the image. */

export interface RemoveParts {
  readonly db: Database;
  readonly records: Records;
  readonly snapshots: Snapshots;
  readonly collector: Collector;
}

export interface RemoveOptions {
  readonly force: boolean;
  /** Deletes also the unnamed images that it was made from. */
  readonly prune: boolean;
  readonly uses: readonly ImageUse[];
}

/** Deletes an image's row and layers: the one way by which images go. */
export async function removeImage(
  parts: RemoveParts,
  text: string,
  options: RemoveOptions,
): Promise<readonly RemovedImage[]> {
  const row = parts.records.required(text);
  const refs = referencesOf(parts, row.id);
  if (isID(row, text)) {
    if (!isSingle(refs)) return await deleteImage(parts, row, options);
    const conflict = conflictOf(parts, row, options.uses, { names: false, stopped: !options.force });
    if (conflict) throw conflict.error;
    const untied = refs.map((ref) => untie(parts, row, ref));
    return [...untied, ...(await deleteImage(parts, row, options))];
  }
  const use = options.uses.find((one) => one.running) ?? options.uses[0];
  if (!options.force && isSingle(refs) && use) {
    throw new StrataError(
      'conflict',
      `conflict: unable to remove repository reference "${text}" (must force) - container ${use.container.slice(0, 12)} is using its referenced image ${row.id.slice(7, 19)}`,
      { code: 'image_in_use', hint: 'remove the container first, or use --force to take the name away' },
    );
  }
  return await removeName(parts, row, withDefaultTag(parseReference(text)), options);
}

async function removeName(
  parts: RemoveParts,
  row: ImageRow,
  given: Reference,
  options: RemoveOptions,
): Promise<readonly RemovedImage[]> {
  const removed = [untie(parts, row, given)];
  const refs = referencesOf(parts, row.id);
  const here = refs.filter((ref) => repositoryName(ref) === repositoryName(given));
  // The digests of a repository go with its last tag.
  const digests = given.digest === undefined && here.every(({ digest }) => digest !== undefined) ? here : [];
  removed.push(...digests.map((ref) => untie(parts, row, ref)));
  if (refs.length > digests.length) return removed;
  return [...removed, ...(await deleteImage(parts, row, { ...options, quiet: true }))];
}

/** Tags and digests by which the image is known. */
function referencesOf({ records }: RemoveParts, id: Digest): readonly Reference[] {
  return [...records.names(id), ...records.repoDigests(id)].map(parseReference);
}

/** One tag at most, and all in one repository: then an id says clearly enough what is meant. */
function isSingle(refs: readonly Reference[]): boolean {
  const tags = refs.filter(({ digest }) => digest === undefined);
  const repositories = new Set(refs.map(repositoryName));
  return tags.length <= 1 && repositories.size === 1;
}

function untie({ db }: RemoveParts, { id }: ImageRow, ref: Reference): RemovedImage {
  if (ref.digest === undefined) {
    db.run('DELETE FROM image_names WHERE name = ?', canonicalName(ref));
    return { untagged: familiarName(ref) };
  }
  const { tag: _, ...untagged } = ref;
  db.run('DELETE FROM image_digests WHERE name = ? AND image = ?', canonicalName(untagged), id);
  return { untagged: `${familiarRepository(ref)}@${ref.digest}` };
}

interface Conflict {
  readonly error: StrataError;
  /** A container is the reason. */
  readonly used: boolean;
}

/** Why the image cannot go: what no force helps against, then what was asked to be looked at besides. */
function conflictOf(
  { db, records }: RemoveParts,
  row: ImageRow,
  uses: readonly ImageUse[],
  soft: { readonly names: boolean; readonly stopped: boolean },
): Conflict | undefined {
  const conflict = (how: 'must be' | 'cannot be', why: string, hint: string, used: boolean): Conflict => {
    const message = `conflict: unable to delete ${row.id.slice(7, 19)} (${how} forced) - ${why}`;
    return { error: new StrataError('conflict', message, { code: 'image_in_use', hint }), used };
  };
  const short = (use: ImageUse) => use.container.slice(0, 12);
  if (db.get('SELECT 1 FROM images WHERE parent = ?', row.id))
    return conflict('cannot be', 'image has dependent child images', 'remove the images made from it first', false);
  const running = uses.find((use) => use.running);
  if (running) {
    const why = `image is being used by running container ${short(running)}`;
    return conflict('cannot be', why, 'stop and remove the container first', true);
  }
  if (soft.names && records.names(row.id).length + records.repoDigests(row.id).length > 0) {
    const why = 'image is referenced in multiple repositories';
    return conflict('must be', why, 'remove its names one by one, or use --force', false);
  }
  if (soft.stopped && uses[0]) {
    const why = `image is being used by stopped container ${short(uses[0])}`;
    return conflict('must be', why, 'remove the container first, or use --force', true);
  }
  return undefined;
}

/** The row with what names are left, then the layers from the top down to the first that somebody else needs. */
async function deleteImage(
  parts: RemoveParts,
  row: ImageRow,
  { force, prune, uses, quiet = false }: RemoveOptions & { readonly quiet?: boolean },
): Promise<readonly RemovedImage[]> {
  const { db, records } = parts;
  const conflict = conflictOf(parts, row, uses, { names: !force, stopped: !force });
  if (conflict) {
    if (quiet && (conflict.used || !isDangling(parts, row))) return [];
    throw conflict.error;
  }
  const removed = referencesOf(parts, row.id).map((ref) => untie(parts, row, ref));
  db.run('DELETE FROM images WHERE id = ?', row.id);
  removed.push({ deleted: row.id });
  const gone = row.snapshot === null ? [] : await parts.collector.removeStack(row.snapshot);
  removed.push(...gone.flatMap(({ chainID }) => (chainID ? [{ deleted: chainID, isLayer: true }] : [])));
  const parent = prune && row.parent !== null ? records.row(row.parent) : undefined;
  if (!parent || (await standsUnderContainer(parts, parent))) return removed;
  return [...removed, ...(await deleteImage(parts, parent, { force: false, prune, uses: [], quiet: true }))];
}

function isDangling({ db, records }: RemoveParts, row: ImageRow): boolean {
  const named = records.names(row.id).length + records.repoDigests(row.id).length > 0;
  return !named && !db.get('SELECT 1 FROM images WHERE parent = ?', row.id);
}

/** Whether something writes right on top of the image. */
async function standsUnderContainer({ snapshots }: RemoveParts, row: ImageRow): Promise<boolean> {
  for (const key of snapshots.actives()) if ((await snapshots.active(key))?.parent === row.snapshot) return true;
  return false;
}

/** Whether the text means the image by its id rather than by one of its names. */
function isID(row: ImageRow, text: string): boolean {
  return row.id.startsWith(text) || row.id.slice('sha256:'.length).startsWith(text);
}
