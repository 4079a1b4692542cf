import { familiarRepository, parseReference } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { list, text } from '../../flags/flag.ts';
import { readInput } from '../../terminal/input-file.ts';
import { showMessages } from '../../transfers/show-messages.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  args: { min: 1 },
  flags: {
    change: list('c', 'Apply Dockerfile instruction to the created image'),
    message: text('m', 'Set commit message for imported image'),
    platform: text('', 'Set platform of the image'),
  },
  async run({ flags, args, session, client }) {
    const [source = '', name] = args;
    const ref = name === undefined ? undefined : parseReference(name);
    const remote = /^https?:\/\//.test(source);
    const body = remote ? undefined : source === '-' ? session.stdin : readInput(source);
    const { images } = await client();
    const messages = images.import(body, {
      fromSrc: remote ? source : '-',
      ...(ref && { repo: familiarRepository(ref), tag: ref.tag ?? '' }),
      message: flags.message,
      changes: flags.change,
      platform: flags.platform,
    });
    await showMessages(messages, { output: session.stdout });
    return 0;
  },
});
