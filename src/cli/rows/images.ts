import { familiarRepository, parseReference } from '../../oci/index.ts';
import type { ImageSummary } from '../../wire/index.ts';
import { humanSize } from '../format/human-size.ts';
import { goTime, goZeroTime, humanAgo } from '../format/human-time.ts';
import type { ListingKind } from '../format/listing.ts';
import { shortID } from '../format/shorten.ts';

export interface ImageRow {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const none = '<none>';

/** One row for each name of an image, or one without a name. With `digests`, one for each digest of a name as well. */
export function imageRows(images: readonly ImageSummary[], digests: boolean): ImageRow[] {
  return images.flatMap((image) => {
    const tags = groupNames(image.RepoTags, 'tag');
    const left = groupNames(image.RepoDigests, 'digest');
    const rows: ImageRow[] = [];
    for (const [repository, names] of tags) {
      const known = digests ? (left.get(repository) ?? []) : [];
      left.delete(repository);
      for (const tag of names) {
        for (const digest of known.length > 0 ? known : [none]) rows.push({ image, repository, tag, digest });
      }
    }
    for (const [repository, known] of left) {
      for (const digest of digests ? known : ['']) rows.push({ image, repository, tag: none, digest });
    }
    return rows.length > 0 ? rows : [{ image, repository: none, tag: none, digest: none }];
  });
}

function groupNames(names: readonly string[] | null, part: 'tag' | 'digest'): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names ?? []) {
    if (name.startsWith(none)) continue;
    const ref = parseReference(name);
    const value = ref[part];
    if (value === undefined) continue;
    const repository = familiarRepository(ref);
    groups.set(repository, [...(groups.get(repository) ?? []), value]);
  }
  return groups;
}

export function imageListing(truncate: boolean): ListingKind<ImageRow> {
  return {
    type: '*formatter.imageContext',
    headings: {
      ID: 'IMAGE ID',
      Repository: 'REPOSITORY',
      Tag: 'TAG',
      Digest: 'DIGEST',
      CreatedSince: 'CREATED',
      CreatedAt: 'CREATED AT',
      Size: 'SIZE',
      Containers: 'CONTAINERS',
      VirtualSize: 'SIZE',
      SharedSize: 'SHARED SIZE',
      UniqueSize: 'UNIQUE SIZE',
    },
    fields: ({ image, repository, tag, digest }) => ({
      ID: () => (truncate ? shortID(image.Id) : image.Id),
      Repository: () => repository,
      Tag: () => tag,
      Digest: () => digest,
      CreatedSince: () => (image.Created <= goZeroTime ? 'N/A' : humanAgo(image.Created)),
      CreatedAt: () => goTime(image.Created),
      Size: () => humanSize(image.Size, 3),
      Containers: () => (image.Containers === -1 ? 'N/A' : String(image.Containers)),
      VirtualSize: () => humanSize(image.Size),
      SharedSize: () => (image.SharedSize === -1 ? 'N/A' : humanSize(image.SharedSize)),
      UniqueSize: () => (image.SharedSize === -1 ? 'N/A' : humanSize(image.Size - image.SharedSize)),
    }),
  };
}
