import { defineCommand } from '../../command.ts';
import { list, text } from '../../flags/flag.ts';
import { keyValueMap } from '../../flags/lists.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] [VOLUME]',
  args: { min: 0, max: 1 },
  flags: {
    driver: text('d', 'Specify volume driver name', 'local'),
    label: list('', 'Set metadata for a volume'),
    name: text('', 'Name of the volume', '', { hidden: true }),
    opt: list('o', 'Set driver specific options', { type: 'map' }),
  },
  async run({ flags, args, session, client }) {
    const { volumes } = await client();
    const { Name } = await volumes.create({
      Name: args[0] ?? flags.name,
      Driver: flags.driver,
      DriverOpts: keyValueMap(flags.opt),
      Labels: keyValueMap(flags.label),
    });
    session.stdout.write(`${Name}\n`);
    return 0;
  },
});
