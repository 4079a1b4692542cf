import { parseReference } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { bool } from '../../flags/flag.ts';
import { withManifestTools } from '../../manifest-tools.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] MANIFEST_LIST',
  args: { min: 1, max: 1 },
  flags: {
    insecure: bool('', 'Allow push to an insecure registry'),
    purge: bool('p', 'Remove the local manifest list after push'),
  },
  async run({ flags, args, session }) {
    const list = parseReference(args[0]!);
    const digest = await withManifestTools(session, flags.insecure ? [list.domain] : [], async ({ lists, request }) =>
      lists.push(list, {
        purge: flags.purge,
        told: (name, pushed) => session.stdout.write(`Pushed ref ${name} with digest: ${pushed}\n`),
        ...(await request(list.domain)),
      }),
    );
    session.stdout.write(`${digest}\n`);
    return 0;
  },
});
