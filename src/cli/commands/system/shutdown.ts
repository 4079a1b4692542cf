import { answersAt } from '../../../client/index.ts';
import { chooseEngine, noTls } from '../../choose-engine.ts';
import { defineCommand } from '../../command.ts';

export const command = defineCommand({
  synopsis: '',
  details: 'Containers keep running; the next command starts the daemon again.',
  args: { min: 0, max: 0 },
  flags: {},
  async run({ session, client }) {
    const choice = chooseEngine(session, noTls);
    // A daemon is not started to be stopped.
    if (choice.kind === 'own' && !(await answersAt(choice.path))) return 0;
    const { strata } = await client();
    await strata.shutdown();
    return 0;
  },
});
