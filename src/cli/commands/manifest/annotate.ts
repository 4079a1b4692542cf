import { parseReference } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { list, text } from '../../flags/flag.ts';
import { commaSeparated } from '../../flags/lists.ts';
import { withManifestTools } from '../../manifest-tools.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] MANIFEST_LIST MANIFEST',
  args: { min: 2, max: 2 },
  flags: {
    arch: text('', 'Set architecture'),
    os: text('', 'Set operating system'),
    'os-features': list('', 'Set operating system feature', { type: 'strings' }),
    'os-version': text('', 'Set operating system version'),
    variant: text('', 'Set architecture variant'),
  },
  async run({ flags, args, session }) {
    const features = commaSeparated(flags['os-features']);
    await withManifestTools(session, [], async ({ lists }) =>
      lists.annotate(parseReference(args[0]!), parseReference(args[1]!), {
        ...(flags.os && { os: flags.os }),
        ...(flags.arch && { architecture: flags.arch }),
        ...(flags.variant && { variant: flags.variant }),
        ...(flags['os-version'] && { 'os.version': flags['os-version'] }),
        ...(features.length > 0 && { 'os.features': features }),
      }),
    );
    return 0;
  },
});
