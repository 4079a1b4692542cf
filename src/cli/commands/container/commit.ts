import { familiarRepository, parseReference } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { bool, list, text } from '../../flags/flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  args: { min: 1, max: 2 },
  flags: {
    author: text('a', 'Author (e.g., "Jo Example <jo@example.com>")'),
    change: list('c', 'Apply Dockerfile instruction to the created image'),
    message: text('m', 'Commit message'),
    pause: bool('p', 'Pause container during commit', true),
  },
  async run({ flags, args, session, client }) {
    const [container = '', name] = args;
    const ref = name === undefined ? undefined : parseReference(name);
    const { containers } = await client();
    const { Id } = await containers.commit(container, {
      ...(ref && { repo: familiarRepository(ref), tag: ref.tag ?? '' }),
      comment: flags.message,
      author: flags.author,
      changes: flags.change,
      pause: flags.pause,
    });
    session.stdout.write(`${Id}\n`);
    return 0;
  },
});
