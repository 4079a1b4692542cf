import { defineCommand } from '../../command.ts';
import { list, text } from '../../flags/flag.ts';
import { writeOutput } from '../../terminal/output-file.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [IMAGE...]',
  args: { min: 1 },
  flags: {
    output: text('o', 'Write to a file, instead of STDOUT'),
    platform: list('', 'Save only this platform, "os[/arch[/variant]]"', { type: 'string' }),
  },
  async run({ flags, args, session, client }) {
    const { images } = await client();
    await writeOutput(session, flags.output, () => images.save(args, { platform: flags.platform }), 'save');
    return 0;
  },
});
