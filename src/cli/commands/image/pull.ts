import { StrataError } from '../../../errors/index.ts';
import { canonicalName, parseReference, withDefaultTag } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { bool, contentTrust, text } from '../../flags/flag.ts';
import { pullImage } from '../../transfers/pull-image.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] NAME[:TAG|@DIGEST]',
  args: { min: 1, max: 1 },
  flags: {
    'all-tags': bool('a', 'Download all tagged images in the repository'),
    'disable-content-trust': contentTrust(),
    platform: text('', 'Set platform if the image has several'),
    quiet: bool('q', 'Suppress verbose output'),
  },
  async run({ flags, args, session, client }) {
    const [name = ''] = args;
    const given = parseReference(name);
    const named = given.tag !== undefined || given.digest !== undefined;
    if (flags['all-tags'] && named) {
      throw new StrataError('invalid_argument', "tag can't be used with --all-tags/-a");
    }
    if (!named && !flags['all-tags'] && !flags.quiet) session.stdout.write('Using default tag: latest\n');
    const options = {
      platform: flags.platform,
      quiet: flags.quiet,
      output: session.stdout,
      allTags: flags['all-tags'],
    };
    await pullImage(await client(), session, name, options);
    session.stdout.write(`${canonicalName(flags['all-tags'] ? given : withDefaultTag(given))}\n`);
    return 0;
  },
});
