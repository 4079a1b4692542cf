import { join } from 'node:path';
import { answersAt } from '../../../client/index.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  synopsis: '',
  details: 'Containers keep running; the next command starts the daemon again.',
  args: { min: 0, max: 0 },
  flags: {},
  async run({ session, client }) {
    const named = session.host ?? session.env['STRATA_HOST'];
    const own = join(session.env['STRATA_STATE_ROOT'] || '/run/strata', 'strata.sock');
    // A daemon is not started to be stopped.
    if (!named && !(await answersAt(own))) return 0;
    const { strata } = await client();
    await strata.shutdown();
    return 0;
  },
});
