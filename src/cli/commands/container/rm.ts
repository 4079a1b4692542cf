import { isKind } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { bool } from '../../flags/flag.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: { min: 1 },
  flags: {
    force: bool('f', 'Force the removal of a running container (uses SIGKILL)'),
    link: bool('l', 'Remove the specified link'),
    volumes: bool('v', 'Remove anonymous volumes associated with the container'),
  },
  async run({ flags, args, session, client }) {
    const { containers } = await client();
    return await forEachName(args, session, async (name) => {
      try {
        await containers.remove(name.replace(/^\/+/, ''), { force: flags.force, v: flags.volumes, link: flags.link });
      } catch (error) {
        if (!flags.force || !isKind(error, 'not_found')) throw error;
        // With --force, one that is gone already is told and is no failure.
        session.stderr.write(`Error response from daemon: ${error.message}\n`);
        return;
      }
      session.stdout.write(`${name}\n`);
    });
  },
});
