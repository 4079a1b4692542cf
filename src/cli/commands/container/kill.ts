import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { text } from '../../flags/flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: { min: 1 },
  flags: { signal: text('s', 'Signal to send to the container') },
  async run({ flags, args, session, client }) {
    const { containers } = await client();
    return await forEachName(args, session, async (name) => {
      await containers.kill(name, flags.signal || undefined);
      session.stdout.write(`${name}\n`);
    });
  },
});
