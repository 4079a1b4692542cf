import { StrataError } from '../../../errors/index.ts';
import { familiarRepository, parseReference } from '../../../oci/index.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  synopsis: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  args: { min: 2, max: 2 },
  flags: {},
  async run({ args, client }) {
    const target = parseTarget(args[1]!);
    const { images } = await client();
    await images.tag(args[0]!, familiarRepository(target), target.tag ?? '');
    return 0;
  },
});

function parseTarget(name: string) {
  try {
    return parseReference(name);
  } catch (cause) {
    throw new StrataError(
      'invalid_argument',
      `Error parsing reference: ${JSON.stringify(name)} is not a valid repository/tag: ${(cause as Error).message}`,
      { cause },
    );
  }
}
