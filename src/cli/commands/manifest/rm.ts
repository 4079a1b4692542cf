import { parseReference } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { withManifestTools } from '../../manifest-tools.ts';

export const command = defineCommand({
  synopsis: 'MANIFEST_LIST [MANIFEST_LIST...]',
  args: { min: 1 },
  flags: {},
  async run({ args, session }) {
    return await withManifestTools(session, [], ({ lists }) =>
      forEachName(args, session, async (name) => lists.remove(parseReference(name))),
    );
  },
});
