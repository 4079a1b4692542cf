import { defineCommand } from '../../command.ts';
import { alignColumns } from '../../format/columns.ts';

export const command = defineCommand({
  synopsis: 'CONTAINER [ps OPTIONS]',
  args: { min: 1 },
  interspersed: false,
  flags: {},
  async run({ args, session, client }) {
    const { containers } = await client();
    const { Titles, Processes } = await containers.top(args[0]!, args.slice(1).join(' '));
    const lines = [Titles, ...(Processes ?? [])].map((cells) => `${cells.join('\t')}\n`).join('');
    session.stdout.write(alignColumns(lines, { minWidth: 20, padding: 3 }));
    return 0;
  },
});
