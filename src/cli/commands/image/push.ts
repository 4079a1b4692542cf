import { StrataError } from '../../../errors/index.ts';
import { canonicalName, familiarRepository, parseReference, withDefaultTag } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { bool, contentTrust, text } from '../../flags/flag.ts';
import { credentialsFor } from '../../registry-auth.ts';
import { abortOnInterrupt } from '../../terminal/signals.ts';
import { nowhere } from '../../transfers/pull-image.ts';
import { showMessages } from '../../transfers/show-messages.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] NAME[:TAG]',
  args: { min: 1, max: 1 },
  flags: {
    'all-tags': bool('a', 'Push all tags of an image to the repository'),
    'disable-content-trust': contentTrust(),
    platform: text('', 'Push the image of this platform alone, "os[/arch[/variant]]"'),
    quiet: bool('q', 'Suppress verbose output'),
  },
  async run({ flags, args, session, client }) {
    const given = parseReference(args[0]!);
    const named = given.tag !== undefined || given.digest !== undefined;
    if (flags['all-tags'] && named) throw new StrataError('invalid_argument', "tag can't be used with --all-tags/-a");
    const ref = flags['all-tags'] ? given : withDefaultTag(given);
    if (!named && !flags['all-tags'] && !flags.quiet) session.stdout.write('Using default tag: latest\n');
    const { images } = await client();
    const auth = await credentialsFor(session, args[0]!);
    const interrupt = abortOnInterrupt(session);
    const messages = images.push(familiarRepository(ref), {
      ...(ref.tag !== undefined && { tag: ref.tag }),
      platform: flags.platform,
      signal: interrupt.signal,
      ...(auth && { auth }),
    });
    await showMessages(messages, { output: flags.quiet ? nowhere : session.stdout }).finally(interrupt.stop);
    if (flags.quiet) session.stdout.write(`${canonicalName(ref)}\n`);
    return 0;
  },
});
