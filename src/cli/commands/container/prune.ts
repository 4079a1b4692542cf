import { defineCommand } from '../../command.ts';
import { confirm } from '../../confirm.ts';
import { bool, filter } from '../../flags/flag.ts';
import { humanSize } from '../../format/human-size.ts';
import { pruneFilters } from '../../prune-filters.ts';
import { deletedText } from '../../rows/deleted.ts';

const warning = 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue?';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    filter: filter('', 'Only containers that meet a condition, e.g. "until=24h"'),
    force: bool('f', 'Do not prompt for confirmation'),
  },
  isResident: ({ flags }) => flags.force,
  async run({ flags, session, client }) {
    if (!flags.force && !(await confirm(session, warning))) return 0;
    const { containers } = await client();
    const { ContainersDeleted, SpaceReclaimed } = await containers.prune(pruneFilters(session, flags.filter));
    session.stdout.write(
      `${deletedText('Containers', ContainersDeleted)}Total reclaimed space: ${humanSize(SpaceReclaimed)}\n`,
    );
    return 0;
  },
});
