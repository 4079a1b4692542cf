import type { HistoryItem } from '../../wire/index.ts';
import { humanSize } from '../format/human-size.ts';
import { goZeroTime, humanAgo, localRfc3339 } from '../format/human-time.ts';
import type { ListingKind } from '../format/listing.ts';
import { ellipsis, shortID } from '../format/shorten.ts';

export const historyTable = 'table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}';
export const plainHistoryTable = 'table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}';

export function historyListing(options: {
  readonly human: boolean;
  readonly truncate: boolean;
}): ListingKind<HistoryItem> {
  const { human, truncate } = options;
  return {
    type: '*image.historyContext',
    headings: {
      ID: 'IMAGE',
      CreatedSince: 'CREATED',
      CreatedAt: 'CREATED AT',
      CreatedBy: 'CREATED BY',
      Size: 'SIZE',
      Comment: 'COMMENT',
    },
    fields: (item) => ({
      ID: () => (truncate ? shortID(item.Id) : item.Id),
      CreatedAt: () => localRfc3339(item.Created),
      CreatedSince: () => {
        if (!human) return localRfc3339(item.Created);
        return item.Created <= goZeroTime ? 'N/A' : humanAgo(item.Created);
      },
      CreatedBy: () => {
        const text = item.CreatedBy.replaceAll('\t', ' ');
        return truncate ? ellipsis(text, 45) : text;
      },
      Size: () => (human ? humanSize(item.Size, 3) : String(item.Size)),
      Comment: () => item.Comment,
    }),
  };
}
