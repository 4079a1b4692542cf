import { defineCommand } from '../../command.ts';
import { plainFormat } from '../../flags/format-flag.ts';
import { inspectObjects } from '../../inspect-objects.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] VOLUME [VOLUME...]',
  args: { min: 1 },
  flags: { format: plainFormat('f') },
  async run({ flags, args, session, client }) {
    const { volumes } = await client();
    return await inspectObjects(args, flags.format, session, (name) => volumes.inspect(name));
  },
});
