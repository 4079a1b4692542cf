import { StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';

export const command = defineCommand({
  synopsis: 'CONTAINER [CONTAINER...]',
  args: { min: 1 },
  flags: {},
  async run({ args, session, client }) {
    const { containers } = await client();
    return await forEachName(args, session, async (name) => {
      const { ended } = await containers.wait(name, 'not-running');
      const { StatusCode, Error: failure } = await ended;
      if (failure?.Message) throw new StrataError('internal', failure.Message);
      session.stdout.write(`${StatusCode}\n`);
    });
  },
});
