import type { DiskUsage } from '../../../client/index.ts';
import { StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { bool } from '../../flags/flag.ts';
import { listFormat } from '../../flags/format-flag.ts';
import { humanSize } from '../../format/human-size.ts';
import { compactJson } from '../../format/json-text.ts';
import { renderListing } from '../../format/listing.ts';
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
import { imageListing, imageRows } from '../../rows/images.ts';
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

function details(usage: DiskUsage, format: string): string {
  if (format === 'json') return `${compactJson(usage)}\n`;
  if (format !== '' && format !== 'table') {
    throw new StrataError('invalid_argument', 'the format of `system df --verbose` is a table or json');
  }
  const { Images, Containers, Volumes, BuildCache } = usage;
  const cache = BuildCache ?? [];
  return [
    'Images space usage:\n\n',
    renderListing(imageListing(true), imageRows(Images ?? [], false), '', imageUsageTable),
    '\nContainers space usage:\n\n',
    renderListing(containerListing(true), Containers ?? [], '', containerUsageTable),
    '\nLocal Volumes space usage:\n\n',
    renderListing(volumeListing, Volumes ?? [], '', volumeUsageTable),
    `\nBuild cache usage: ${humanSize(cacheSize(cache))}\n\n`,
    renderListing(cacheListing, cache, '', cacheUsageTable),
  ].join('');
}
