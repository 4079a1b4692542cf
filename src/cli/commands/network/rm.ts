import { isKind } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { bool } from '../../flags/flag.ts';

export const command = defineCommand({
  synopsis: 'NETWORK [NETWORK...]',
  args: { min: 1 },
  flags: { force: bool('f', 'Do not error if the network does not exist') },
  async run({ flags, args, session, client }) {
    const { networks } = await client();
    return await forEachName(args, session, async (name) => {
      try {
        await networks.remove(name);
      } catch (error) {
        if (flags.force && isKind(error, 'not_found')) return;
        throw error;
      }
      session.stdout.write(`${name}\n`);
    });
  },
});
