import { defineCommand } from '../../command.ts';
import { text } from '../../flags/flag.ts';
import { plainFormat } from '../../flags/format-flag.ts';
import { inspectObjects } from '../../inspect-objects.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [IMAGE...]',
  args: { min: 1 },
  flags: {
    format: plainFormat('f'),
    platform: text('', 'Inspect this platform of an image of many, "os[/arch[/variant]]"'),
  },
  async run({ flags, args, session, client }) {
    const { images } = await client();
    return await inspectObjects(args, flags.format, session, (name) =>
      images.inspect(name, { platform: flags.platform }),
    );
  },
});
