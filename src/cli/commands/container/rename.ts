import { StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';

export const command = defineCommand({
  synopsis: 'CONTAINER NEW_NAME',
  args: { min: 2, max: 2 },
  flags: {},
  async run({ args, session, client }) {
    const [before = '', after = ''] = args.map((name) => name.trim());
    if (before === '' || after === '') {
      throw new StrataError('invalid_argument', 'Error: Neither old nor new names may be empty');
    }
    const { containers } = await client();
    return await forEachName([before], session, () => containers.rename(before, after)).then((code) => {
      if (code !== 0) session.stderr.write(`Error: failed to rename container named ${before}\n`);
      return code;
    });
  },
});
