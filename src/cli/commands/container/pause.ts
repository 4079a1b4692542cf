import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';

export const command = defineCommand({
  synopsis: 'CONTAINER [CONTAINER...]',
  args: { min: 1 },
  flags: {},
  async run({ args, session, client }) {
    const { containers } = await client();
    return await forEachName(args, session, async (name) => {
      await containers.pause(name);
      session.stdout.write(`${name}\n`);
    });
  },
});
