import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { ignored, integer, text } from '../../flags/flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: { min: 1 },
  flags: {
    signal: text('s', 'Signal to send to the container'),
    time: ignored(integer('', 'Seconds to wait before killing the container')),
    timeout: integer('t', 'Seconds to wait before killing the container'),
  },
  async run({ flags, given, args, session, client }) {
    const { containers } = await client();
    const t = given.has('timeout') ? flags.timeout : given.has('time') ? flags.time : undefined;
    return await forEachName(args, session, async (name) => {
      await containers.restart(name, { t, signal: flags.signal || undefined });
      session.stdout.write(`${name}\n`);
    });
  },
});
