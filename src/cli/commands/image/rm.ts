import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { bool, list } from '../../flags/flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [IMAGE...]',
  args: { min: 1 },
  flags: {
    force: bool('f', 'Force removal of the image'),
    'no-prune': bool('', 'Do not delete untagged parents'),
    platform: list('', 'Remove only this platform of the image', { hidden: true }),
  },
  async run({ flags, args, session, client }) {
    const { images } = await client();
    return await forEachName(args, session, async (name) => {
      const removed = await images.remove(name, { force: flags.force, noprune: flags['no-prune'] });
      for (const { Deleted, Untagged } of removed) {
        session.stdout.write(Deleted ? `Deleted: ${Deleted}\n` : `Untagged: ${Untagged}\n`);
      }
    });
  },
});
