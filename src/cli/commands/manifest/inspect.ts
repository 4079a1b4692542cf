import { parseReference, withDefaultTag } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { bool } from '../../flags/flag.ts';
import { withManifestTools } from '../../manifest-tools.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] [MANIFEST_LIST] MANIFEST',
  args: { min: 1, max: 2 },
  flags: {
    insecure: bool('', 'Allow communication with an insecure registry'),
    verbose: bool('v', 'Output additional info including layers and platform'),
  },
  async run({ flags, args, session }) {
    const refs = args.map((name) => withDefaultTag(parseReference(name)));
    const wanted = refs.at(-1)!;
    await withManifestTools(session, flags.insecure ? [wanted.domain] : [], async ({ lists, registry, request }) => {
      const { inspectRemote } = await import('../../../registry/index.ts');
      if (refs.length === 1 && lists.draft(wanted)) {
        session.stdout.write(`${JSON.stringify(lists.document(wanted), null, 4)}\n`);
        return;
      }
      const found = await inspectRemote(registry, wanted, await request(wanted.domain));
      const { ref: _, bytes: __, ...details } = found;
      session.stdout.write(
        `${flags.verbose ? JSON.stringify(details, null, 4) : Buffer.from(found.bytes).toString('utf8')}\n`,
      );
    });
    return 0;
  },
});
