import type { DiskUsage } from '../../../wire/index.ts';
import { defineCommand } from '../../command.ts';
import { bool } from '../../flags/flag.ts';
import { listFormat } from '../../flags/format-flag.ts';
import { humanSize } from '../../format/human-size.ts';
import { compactJson } from '../../format/json-text.ts';
import { compile, guarded, readFormat, renderListing, rowOf } from '../../format/listing.ts';
import { containerListing } from '../../rows/containers.ts';
import {
  cacheListing,
  cacheSize,
  cacheUsageTable,
  containerUsageTable,
  imageUsageTable,
  usageListing,
  usageRows,
  usageTable,
  volumeUsageTable,
} from '../../rows/disk-usage.ts';
import { type ImageRow, imageListing, imageRows } from '../../rows/images.ts';
import { volumeListing } from '../../rows/volumes.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    format: listFormat,
    verbose: bool('v', 'Show detailed information on space usage'),
  },
  async run({ flags, session, client }) {
    const { system } = await client();
    const usage = await system.diskUsage();
    session.stdout.write(
      flags.verbose
        ? details(usage, flags.format)
        : renderListing(usageListing, usageRows(usage), flags.format, usageTable),
    );
    return 0;
  },
});

function details({ Images, Containers, Volumes, BuildCache }: DiskUsage, format: string): string {
  const cache = BuildCache ?? [];
  const images = usedImages(Images ?? []);
  // What a container shares with its image is the image's.
  const containers = (Containers ?? []).map((container) => ({ ...container, SizeRootFs: 0 }));
  if (format !== '' && format !== 'table') {
    const all = {
      Images: images.map((row) => rowOf(imageListing(false), row)),
      Containers: containers.map((row) => rowOf(containerListing(false), row)),
      Volumes: (Volumes ?? []).map((row) => rowOf(volumeListing, row)),
      BuildCache: cache.map((row) => rowOf(cacheListing, row)),
    };
    // Go escapes what could end a script element in the JSON of rows.
    if (format === 'json')
      return compactJson(all).replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
    const template = compile(readFormat(format, '').source);
    return guarded(() => template.render(all));
  }
  return [
    'Images space usage:\n\n',
    renderListing(imageListing(true), images, '', imageUsageTable),
    '\nContainers space usage:\n\n',
    renderListing(containerListing(true), containers, '', containerUsageTable),
    '\nLocal Volumes space usage:\n\n',
    renderListing(volumeListing, Volumes ?? [], '', volumeUsageTable),
    `\nBuild cache usage: ${humanSize(cacheSize(cache))}\n\n`,
    renderListing(cacheListing, cache, '', cacheUsageTable),
  ].join('');
}

/** One row an image, under the first of its names. */
function usedImages(images: NonNullable<DiskUsage['Images']>): ImageRow[] {
  return images.map((image) => ({ ...imageRows([image], false)[0]!, digest: '' }));
}
