import { StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { confirm } from '../../confirm.ts';
import { bool, filter } from '../../flags/flag.ts';
import { humanSize } from '../../format/human-size.ts';
import { pruneFilters } from '../../prune-filters.ts';
import { deletedText } from '../../rows/deleted.ts';
import { deletedImagesText } from '../../rows/deleted-images.ts';

function warning(flags: {
  all: boolean;
  volumes: boolean;
  filter: Readonly<Record<string, readonly string[]>>;
}): string {
  const items = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(flags.volumes ? ['all anonymous volumes not used by at least one container'] : []),
    flags.all ? 'all images without at least one container associated to them' : 'all dangling images',
    flags.all ? 'all build cache' : 'unused build cache',
  ];
  const conditions = Object.entries(flags.filter).flatMap(([name, values]) =>
    values.map((value) => `${name}=${value}`),
  );
  const filtered =
    conditions.length === 0
      ? ''
      : `\n  Items to be pruned will be filtered with:\n${conditions.map((one) => `  - ${one}\n`).join('')}`;
  return `WARNING! This will remove:\n${items.map((item) => `  - ${item}\n`).join('')}${filtered}\nAre you sure you want to continue?`;
}

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    all: bool('a', 'Remove all unused images, not just dangling ones'),
    filter: filter('', 'Only what meets a condition, e.g. "label=stage=test"'),
    force: bool('f', 'Do not prompt for confirmation'),
    volumes: bool('', 'Remove anonymous volumes, too'),
  },
  isResident: ({ flags }) => flags.force,
  async run({ flags, session, client }) {
    if (flags.volumes && 'until' in flags.filter) {
      throw new StrataError('invalid_argument', 'ERROR: The "until" filter is not supported with "--volumes"');
    }
    if (!flags.force && !(await confirm(session, warning(flags)))) return 0;
    const { containers, networks, volumes, images, system } = await client();
    const filters = pruneFilters(session, flags.filter);
    const { stdout } = session;
    let reclaimed = 0;

    const stopped = await containers.prune(filters);
    stdout.write(deletedText('Containers', stopped.ContainersDeleted));
    reclaimed += stopped.SpaceReclaimed;

    const { NetworksDeleted } = await networks.prune(filters);
    stdout.write(deletedText('Networks', NetworksDeleted));

    if (flags.volumes) {
      const unused = await volumes.prune(filters);
      stdout.write(deletedText('Volumes', unused.VolumesDeleted));
      reclaimed += unused.SpaceReclaimed;
    }

    const unnamed = await images.prune({ ...filters, dangling: [String(!flags.all)] });
    stdout.write(deletedImagesText(unnamed.ImagesDeleted));
    reclaimed += unnamed.SpaceReclaimed;

    const cache = await system.pruneBuildCache({ all: flags.all, filters });
    if (cache.CachesDeleted && cache.CachesDeleted.length > 0) {
      stdout.write(`Deleted build cache objects:\n${cache.CachesDeleted.join('\n')}\n\n`);
    }
    reclaimed += cache.SpaceReclaimed;

    stdout.write(`Total reclaimed space: ${humanSize(reclaimed)}\n`);
    return 0;
  },
});
