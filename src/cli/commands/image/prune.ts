import { defineCommand } from '../../command.ts';
import { confirm } from '../../confirm.ts';
import { bool, filter } from '../../flags/flag.ts';
import { humanSize } from '../../format/human-size.ts';
import { pruneFilters } from '../../prune-filters.ts';
import { deletedImagesText } from '../../rows/deleted-images.ts';

const dangling = 'WARNING! This will remove all dangling images.\nAre you sure you want to continue?';
const unused =
  'WARNING! This will remove all images without at least one container associated to them.\nAre you sure you want to continue?';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    all: bool('a', 'Remove all unused images, not just dangling ones'),
    filter: filter('', 'Only images that meet a condition, e.g. "until=24h", "label=stage=test"'),
    force: bool('f', 'Do not prompt for confirmation'),
  },
  isResident: ({ flags }) => flags.force,
  async run({ flags, session, client }) {
    if (!flags.force && !(await confirm(session, flags.all ? unused : dangling))) return 0;
    const { images } = await client();
    const filters = { ...pruneFilters(session, flags.filter), dangling: [String(!flags.all)] };
    const { ImagesDeleted, SpaceReclaimed } = await images.prune(filters);
    session.stdout.write(`${deletedImagesText(ImagesDeleted)}Total reclaimed space: ${humanSize(SpaceReclaimed)}\n`);
    return 0;
  },
});
