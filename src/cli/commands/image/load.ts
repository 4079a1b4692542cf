import { readLines } from '../../../client/index.ts';
import { StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { bool, list, text } from '../../flags/flag.ts';
import { readInput } from '../../terminal/input-file.ts';
import { showMessages } from '../../transfers/show-messages.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    input: text('i', 'Read from tar archive file, instead of STDIN'),
    platform: list('', 'Load only this platform, "os[/arch[/variant]]"', { type: 'string' }),
    quiet: bool('q', 'Suppress the load output'),
  },
  async run({ flags, session, client }) {
    if (flags.input === '' && session.stdin.isTTY) {
      throw new StrataError('invalid_argument', 'requested load from stdin, but stdin is empty', { code: 'no_input' });
    }
    const source = flags.input === '' ? session.stdin : readInput(flags.input);
    const { images } = await client();
    // Bars are for people who watch: elsewhere the daemon need not send them.
    const quiet = flags.quiet || !session.stdout.isTTY;
    const { json, body } = await images.load(source, { quiet, platform: flags.platform });
    if (json) await showMessages(readLines(body), { output: session.stdout });
    else for await (const chunk of body) session.stdout.write(chunk);
    return 0;
  },
});
