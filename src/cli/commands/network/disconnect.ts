import { defineCommand } from '../../command.ts';
import { bool } from '../../flags/flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] NETWORK CONTAINER',
  args: { min: 2, max: 2 },
  flags: { force: bool('f', 'Force the container to disconnect from a network') },
  async run({ flags, args, client }) {
    const { networks } = await client();
    await networks.disconnect(args[0]!, args[1]!, flags.force);
    return 0;
  },
});
