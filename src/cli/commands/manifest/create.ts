import { canonicalName, parseReference, withDefaultTag } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { bool } from '../../flags/flag.ts';
import { withManifestTools } from '../../manifest-tools.ts';

export const command = defineCommand({
  synopsis: 'MANIFEST_LIST MANIFEST [MANIFEST...]',
  args: { min: 2 },
  flags: {
    amend: bool('a', 'Amend an existing manifest list'),
    insecure: bool('', 'Allow communication with an insecure registry'),
  },
  async run({ flags, args, session }) {
    const [list, ...members] = args.map(parseReference) as [ReturnType<typeof parseReference>];
    await withManifestTools(session, flags.insecure ? [list.domain] : [], async ({ lists, request }) =>
      lists.create(list, members, { amend: flags.amend, ...(await request(list.domain)) }),
    );
    session.stdout.write(`Created manifest list ${canonicalName(withDefaultTag(list))}\n`);
    return 0;
  },
});
