import { familiarName, parseReference } from '../oci/index.ts';
import type { SnapshotInfo } from '../snapshot/index.ts';
import type { HistoryRow, Image } from './types.ts';

/** Rows of `history`, newest first: the first carries the image's id and names, the others are `<missing>`, as in Docker. */
export function historyRows(image: Image, stack: readonly SnapshotInfo[]): readonly HistoryRow[] {
  let layer = 0;
  const rows = (image.config.history ?? []).map((entry): HistoryRow => {
    const size = entry.empty_layer ? 0 : (stack[layer++]?.measure?.contentSize ?? 0);
    return {
      id: null,
      created: entry.created ? Math.floor(Date.parse(entry.created) / 1000) : 0,
      createdBy: entry.created_by ?? '',
      comment: entry.comment ?? '',
      tags: [],
      size,
    };
  });
  // Layers that the history does not speak of are shown all the same: the sum of the sizes must be the image's.
  for (; layer < stack.length; layer++) {
    rows.push({
      id: null,
      created: 0,
      createdBy: '',
      comment: '',
      tags: [],
      size: stack[layer]!.measure?.contentSize ?? 0,
    });
  }
  const last = rows.at(-1);
  const tags = image.names.map((name) => familiarName(parseReference(name)));
  if (last) rows[rows.length - 1] = { ...last, id: image.id, tags };
  else
    rows.push({ id: image.id, created: Math.floor(image.createdAt / 1000), createdBy: '', comment: '', tags, size: 0 });
  return rows.reverse();
}
