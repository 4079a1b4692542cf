import { defineCommand } from '../../command.ts';
import { bool, filter, integer } from '../../flags/flag.ts';
import { listFormat } from '../../flags/format-flag.ts';
import { renderListing } from '../../format/listing.ts';
import { containerListing, containerTable } from '../../rows/containers.ts';
import { isSizeWanted } from '../../rows/size-wanted.ts';
import { savedFormat } from '../../saved-format.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    all: bool('a', 'Show all containers (default shows just running)'),
    filter: filter('f', 'Filter output based on conditions provided'),
    format: listFormat,
    last: integer('n', 'Show n last created containers (includes all states)', -1),
    latest: bool('l', 'Show the latest created container (includes all states)'),
    'no-trunc': bool('', "Don't truncate output"),
    quiet: bool('q', 'Only display container IDs'),
    size: bool('s', 'Display total file sizes'),
  },
  examples: [
    ['ps -a --filter status=exited', 'containers that have stopped'],
    ["ps --format '{{.Names}}: {{.Ports}}'", 'names and ports'],
  ],
  async run({ flags, session, client }) {
    const format = flags.format || (flags.quiet ? '' : savedFormat(session, 'psFormat'));
    const size = flags.size || isSizeWanted(format);
    const { containers } = await client();
    const rows = await containers.list({
      all: flags.all,
      limit: flags.latest ? 1 : flags.last,
      size,
      filters: flags.filter,
    });
    const standard = flags.quiet ? '{{.ID}}' : containerTable(flags.size);
    session.stdout.write(renderListing(containerListing(!flags['no-trunc']), rows, format, standard));
    return 0;
  },
});
