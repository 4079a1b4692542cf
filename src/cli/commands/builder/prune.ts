import { defineCommand } from '../../command.ts';
import { confirm } from '../../confirm.ts';
import { bool, bytes, filter } from '../../flags/flag.ts';
import { humanSize } from '../../format/human-size.ts';

const warning = (all: boolean) =>
  `WARNING! This will remove all ${all ? '' : 'dangling '}build cache. Are you sure you want to continue?`;

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    all: bool('a', 'Remove all unused build cache, not just dangling ones'),
    filter: filter('', 'Only records that meet a condition, e.g. "until=24h"'),
    force: bool('f', 'Do not prompt for confirmation'),
    'keep-storage': bytes('', 'Amount of disk space to keep for cache'),
    'max-used-space': bytes('', 'Most disk space that the cache may take'),
    'min-free-space': bytes('', 'Disk space that must be free afterwards'),
    'reserved-space': bytes('', 'Amount of disk space that the cache always may take'),
  },
  isResident: ({ flags }) => flags.force,
  async run({ flags, session, client }) {
    if (!flags.force && !(await confirm(session, warning(flags.all)))) return 0;
    const { system } = await client();
    const { CachesDeleted, SpaceReclaimed } = await system.pruneBuildCache({
      all: flags.all,
      keepStorage: flags['keep-storage'],
      maxUsedSpace: flags['max-used-space'],
      minFreeSpace: flags['min-free-space'],
      reservedSpace: flags['reserved-space'],
      filters: flags.filter,
    });
    const ids = CachesDeleted ?? [];
    if (ids.length > 0) session.stdout.write(`Deleted build cache objects:\n${ids.join('\n')}\n\n`);
    session.stdout.write(`Total reclaimed space: ${humanSize(SpaceReclaimed)}\n`);
    return 0;
  },
});
