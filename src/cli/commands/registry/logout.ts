import { join } from 'node:path';
import { defineCommand } from '../../command.ts';
import { hostOf } from './login.ts';

export const command = defineCommand({
  synopsis: '[SERVER]',
  details: 'Without a server, Docker Hub is meant.',
  args: { min: 0, max: 1 },
  flags: {},
  async run({ args, session }) {
    const host = hostOf(args[0]);
    const shown = host === 'docker.io' ? 'https://index.docker.io/v1/' : host;
    const { eraseCredentials, loadDockerConfig } = await import('../../../docker-config/index.ts');
    // Said as it is begun, whether there is anything to remove or not: docker's scripts look for it.
    session.stdout.write(`Removing login credentials for ${shown}\n`);
    await eraseCredentials(loadDockerConfig(join(session.configDir, 'config.json')), host);
    return 0;
  },
});
