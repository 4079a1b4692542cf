import type { Client } from '../../../client/index.ts';
import { defineCommand } from '../../command.ts';
import { plainFormat } from '../../flags/format-flag.ts';
import { compile, guarded, readFormat } from '../../format/listing.ts';
import { goJson, goType } from '../../format/template/values.ts';
import { reportError } from '../../report-error.ts';
import { engineFacts, engineWarnings } from '../../rows/engine-info.ts';
import type { Session } from '../../session.ts';
import { clientFacts } from '../../version.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: { format: plainFormat('f') },
  async run({ flags, session, client }) {
    const template = flags.format === '' ? undefined : compile(readFormat(flags.format, '').source);
    const ClientInfo = {
      Debug: session.debug,
      ...clientFacts(),
      Plugins: [],
      Warnings: null,
    };
    if (template) {
      const facts = await ask(client);
      const all = { ...facts, ClientInfo };
      const data = Object.assign({ ...all }, { [goType]: 'system.dockerInfo', [goJson]: all });
      session.stdout.write(`${guarded(() => template.render(data))}\n`);
      return 0;
    }
    session.stdout.write(
      `Client:\n Version:    ${ClientInfo.Version}\n Context:    ${ClientInfo.Context}\n Debug Mode: ${ClientInfo.Debug}\n\nServer:\n`,
    );
    return await printServer(client, session);
  },
});

async function printServer(client: () => Promise<Client>, session: Session): Promise<number> {
  try {
    const facts = await ask(client);
    session.stdout.write(`${engineFacts(facts).join('\n')}\n\n`);
    for (const warning of engineWarnings(facts)) session.stderr.write(`${warning}\n`);
    return 0;
  } catch (error) {
    return reportError(error, session);
  }
}

async function ask(client: () => Promise<Client>): Promise<Readonly<Record<string, unknown>>> {
  const { system } = await client();
  return await system.info();
}
