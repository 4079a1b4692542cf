import { StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  synopsis: 'CONTAINER NEW_NAME',
  args: { min: 2, max: 2 },
  flags: {},
  async run({ args, client }) {
    const [before = '', after = ''] = args.map((name) => name.trim());
    if (before === '' || after === '') {
      throw new StrataError('invalid_argument', 'Error: Neither old nor new names may be empty');
    }
    const { containers } = await client();
    await containers.rename(before, after);
    return 0;
  },
});
