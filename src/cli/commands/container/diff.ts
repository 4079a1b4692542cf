import { defineCommand } from '../../command.ts';

const letters = ['C', 'A', 'D'];

export const command = defineCommand({
  synopsis: 'CONTAINER',
  args: { min: 1, max: 1 },
  flags: {},
  async run({ args, session, client }) {
    const { containers } = await client();
    const changes = (await containers.changes(args[0]!)) ?? [];
    session.stdout.write(changes.map(({ Kind, Path }) => `${letters[Kind] ?? '?'} ${Path}\n`).join(''));
    return 0;
  },
});
