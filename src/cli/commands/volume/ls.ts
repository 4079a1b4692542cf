import { defineCommand } from '../../command.ts';
import { bool, filter } from '../../flags/flag.ts';
import { listFormat } from '../../flags/format-flag.ts';
import { renderListing } from '../../format/listing.ts';
import { byName } from '../../rows/by-name.ts';
import { volumeListing, volumeTable } from '../../rows/volumes.ts';
import { savedFormat } from '../../saved-format.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    filter: filter('f', 'Only volumes that meet a condition, e.g. "dangling=true"'),
    format: listFormat,
    quiet: bool('q', 'Only display volume names'),
  },
  async run({ flags, session, client }) {
    const { volumes } = await client();
    const { Volumes } = await volumes.list(flags.filter);
    const format = flags.format || (flags.quiet ? '' : savedFormat(session, 'volumesFormat'));
    const rows = [...(Volumes ?? [])].sort(byName);
    session.stdout.write(renderListing(volumeListing, rows, format, flags.quiet ? '{{.Name}}' : volumeTable));
    return 0;
  },
});
