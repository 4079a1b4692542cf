import { defineCommand } from '../../command.ts';
import { bool, filter } from '../../flags/flag.ts';
import { listFormat } from '../../flags/format-flag.ts';
import { renderListing } from '../../format/listing.ts';
import { byName } from '../../rows/by-name.ts';
import { networkListing, networkTable } from '../../rows/networks.ts';
import { savedFormat } from '../../saved-format.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    filter: filter('f', 'Only networks that meet a condition, e.g. "driver=bridge"'),
    format: listFormat,
    'no-trunc': bool('', 'Do not truncate the output'),
    quiet: bool('q', 'Only display network IDs'),
  },
  async run({ flags, session, client }) {
    const { networks } = await client();
    const rows = (await networks.list(flags.filter)).sort(byName);
    const format = flags.format || (flags.quiet ? '' : savedFormat(session, 'networksFormat'));
    const kind = networkListing(!flags['no-trunc']);
    session.stdout.write(renderListing(kind, rows, format, flags.quiet ? '{{.ID}}' : networkTable));
    return 0;
  },
});
