import { defineCommand } from '../../command.ts';
import { text } from '../../flags/flag.ts';
import { writeOutput } from '../../terminal/output-file.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER',
  args: { min: 1, max: 1 },
  flags: { output: text('o', 'Write to a file, instead of STDOUT') },
  async run({ flags, args, session, client }) {
    const { containers } = await client();
    await writeOutput(session, flags.output, () => containers.export(args[0]!), 'export');
    return 0;
  },
});
