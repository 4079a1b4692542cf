import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { bool } from '../../flags/flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] VOLUME [VOLUME...]',
  args: { min: 1 },
  flags: { force: bool('f', 'Force the removal of one or more volumes') },
  async run({ flags, args, session, client }) {
    const { volumes } = await client();
    return await forEachName(args, session, async (name) => {
      await volumes.remove(name, flags.force);
      session.stdout.write(`${name}\n`);
    });
  },
});
