import { defineCommand } from '../../command.ts';
import { bool } from '../../flags/flag.ts';
import { plainFormat } from '../../flags/format-flag.ts';
import { inspectObjects } from '../../inspect-objects.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: { min: 1 },
  flags: {
    format: plainFormat('f'),
    size: bool('s', 'Display total file sizes'),
  },
  async run({ flags, args, session, client }) {
    const { containers } = await client();
    return await inspectObjects(args, flags.format, session, (name) =>
      containers.inspectText(name, { size: flags.size }),
    );
  },
});
