import { defineCommand } from '../../command.ts';
import { bool, text } from '../../flags/flag.ts';
import { listFormat } from '../../flags/format-flag.ts';
import { renderListing } from '../../format/listing.ts';
import { historyListing, historyTable, plainHistoryTable } from '../../rows/history.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE',
  args: { min: 1, max: 1 },
  flags: {
    format: listFormat,
    human: bool('H', 'Print sizes and dates in human readable format', true),
    'no-trunc': bool('', "Don't truncate output"),
    platform: text('', 'Show the history for this platform, "os[/arch[/variant]]"'),
    quiet: bool('q', 'Only show image IDs'),
  },
  async run({ flags, args, session, client }) {
    const { images } = await client();
    const items = await images.history(args[0]!, { platform: flags.platform });
    const kind = historyListing({ human: flags.human, truncate: !flags['no-trunc'] });
    const standard = flags.quiet ? '{{.ID}}' : flags.human ? historyTable : plainHistoryTable;
    session.stdout.write(renderListing(kind, items, flags.format, standard));
    return 0;
  },
});
