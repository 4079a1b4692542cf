import { isDaemonAnswer } from '../../../client/index.ts';
import { defineCommand } from '../../command.ts';
import { attachedStreams } from '../../create/attached.ts';
import { createContainer } from '../../create/create-container.ts';
import { createFlags } from '../../create/flags.ts';
import { readsOrWritesFiles } from '../../create/own-files.ts';
import { runFailure } from '../../create/run-failure.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  args: { min: 1 },
  interspersed: false,
  flags: createFlags,
  isResident: ({ flags }) => !readsOrWritesFiles(flags),
  async run({ flags, given, args, name, session, client }) {
    const [image = '', ...words] = args;
    try {
      const input = { flags, given, image, command: words, session };
      const { Id } = await createContainer(await client(), input, attachedStreams(flags.attach, flags.interactive));
      session.stdout.write(`${Id}\n`);
      return 0;
    } catch (error) {
      // What the engine says is told as it is; a wrong option with the way to the help.
      if (isDaemonAnswer(error)) throw error;
      return runFailure(error, name, session);
    }
  },
});
