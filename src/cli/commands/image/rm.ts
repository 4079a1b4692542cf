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
    const remove = async (name: string) => {
      const removed = await images.remove(name, {
        force: flags.force,
        noprune: flags['no-prune'],
        platforms: flags.platform,
      });
      for (const { Deleted, Untagged } of removed) {
        session.stdout.write(Deleted ? `Deleted: ${Deleted}\n` : `Untagged: ${Untagged}\n`);
      }
    };
    // With --force, an image that is not there is told and no failure.
    return await forEachName(args, session, remove, (error) => flags.force && error.kind === 'not_found');
  },
});
