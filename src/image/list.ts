import { matchesReference, passes } from './filter.ts';
import type { Records } from './records.ts';
import type { Image, ImageFilter } from './types.ts';

/** The images that pass the filter, newest first. */
export async function listImages(records: Records, filter: ImageFilter): Promise<readonly Image[]> {
  const { before, since, references = [] } = filter;
  const latest = before === undefined ? Number.POSITIVE_INFINITY : records.required(before).created_at;
  const earliest = since === undefined ? Number.NEGATIVE_INFINITY : records.required(since).created_at;
  const all = records.rows();
  const parents = new Set(filter.hideIntermediate ? all.map(({ parent }) => parent) : []);
  const rows = all.filter(({ created_at }) => created_at < latest && created_at > earliest);
  const found = await Promise.all(rows.map((row) => records.toListed(row)));
  const isShown = ({ id, names, repoDigests }: Image) => names.length + repoDigests.length > 0 || !parents.has(id);
  const wanted = found.filter((image) => isShown(image) && passes(image, filter, 'created'));
  // As Docker: a listing by name shows the names that were asked for, not the image's others.
  if (references.length === 0) return wanted;
  const asked = (name: string) => references.some((pattern) => matchesReference(pattern, name));
  return wanted.map((image) => ({
    ...image,
    names: image.names.filter(asked),
    repoDigests: image.repoDigests.filter(asked),
  }));
}
