import { StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { confirm } from '../../confirm.ts';
import { bool, filter } from '../../flags/flag.ts';
import { humanSize } from '../../format/human-size.ts';
import { pruneFilters } from '../../prune-filters.ts';
import { deletedText } from '../../rows/deleted.ts';

function warning(all: boolean): string {
  return `WARNING! This will remove ${all ? 'all' : 'anonymous'} local volumes not used by at least one container.\nAre you sure you want to continue?`;
}

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    all: bool('a', 'Remove all unused volumes, not just anonymous ones'),
    filter: filter('', 'Only volumes that meet a condition, e.g. "label=stage=test"'),
    force: bool('f', 'Do not prompt for confirmation'),
  },
  isResident: ({ flags }) => flags.force,
  async run({ flags, session, client }) {
    if (flags.all && flags.filter['all']) {
      throw new StrataError('invalid_argument', 'conflicting options: cannot specify both --all and --filter all=1');
    }
    if (!flags.force && !(await confirm(session, warning(flags.all)))) return 0;
    const { volumes } = await client();
    const filters = { ...pruneFilters(session, flags.filter), ...(flags.all && { all: ['true'] }) };
    const { VolumesDeleted, SpaceReclaimed } = await volumes.prune(filters);
    session.stdout.write(
      `${deletedText('Volumes', VolumesDeleted)}Total reclaimed space: ${humanSize(SpaceReclaimed)}\n`,
    );
    return 0;
  },
});
