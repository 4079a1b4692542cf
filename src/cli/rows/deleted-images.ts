import type { DeletedImage } from '../../wire/index.ts';

/** What a prune removed, with a heading; nothing where it removed nothing. */
export function deletedImagesText(deleted: readonly DeletedImage[] | null): string {
  if (!deleted || deleted.length === 0) return '';
  const lines = deleted.map(({ Untagged, Deleted }) => (Untagged ? `untagged: ${Untagged}` : `deleted: ${Deleted}`));
  return `Deleted Images:\n${lines.join('\n')}\n\n`;
}
