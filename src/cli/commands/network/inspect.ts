import { defineCommand } from '../../command.ts';
import { bool } from '../../flags/flag.ts';
import { plainFormat } from '../../flags/format-flag.ts';
import { inspectObjects } from '../../inspect-objects.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] NETWORK [NETWORK...]',
  args: { min: 1 },
  flags: {
    format: plainFormat('f'),
    verbose: bool('v', 'Verbose output for diagnostics'),
  },
  async run({ flags, args, session, client }) {
    const { networks } = await client();
    return await inspectObjects(args, flags.format, session, (name) =>
      networks.inspect(name, { verbose: flags.verbose }),
    );
  },
});
