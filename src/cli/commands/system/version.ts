import type { Client } from '../../../client/index.ts';
import type { ServerVersion } from '../../../wire/index.ts';
import { defineCommand } from '../../command.ts';
import { plainFormat } from '../../flags/format-flag.ts';
import { alignColumns } from '../../format/columns.ts';
import { compile, guarded, readFormat } from '../../format/listing.ts';
import { goType } from '../../format/template/values.ts';
import { reportError } from '../../report-error.ts';
import { clientFacts } from '../../version.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: { format: plainFormat('f') },
  async run({ flags, session, client }) {
    const template = flags.format === '' ? undefined : compile(readFormat(flags.format, '').source);
    let server: ServerVersion | undefined;
    let failure: unknown;
    try {
      server = await ask(client);
    } catch (error) {
      failure = error;
    }
    const Client = clientVersion();
    if (template) {
      const data = Object.assign(
        { Client: withGoNames(Client), Server: server ? withGoNames(server) : null },
        { [goType]: 'system.versionInfo' },
      );
      session.stdout.write(`${guarded(() => template.render(data))}\n`);
    } else session.stdout.write(versionText(Client, server));
    return failure === undefined ? 0 : reportError(failure, session);
  },
});

const clientVersion = () => {
  const { Version, ...facts } = clientFacts();
  return { Version, ApiVersion: facts.DefaultAPIVersion, ...facts, NodeVersion: process.version };
};

async function ask(client: () => Promise<Client>): Promise<ServerVersion> {
  const { system } = await client();
  return await system.version();
}

/** Templates name `.Server.APIVersion`, where the API says `ApiVersion`; it shows in no JSON. */
function withGoNames<T extends { readonly ApiVersion?: string }>(facts: T): T {
  return Object.defineProperty({ ...facts }, 'APIVersion', { value: facts.ApiVersion, enumerable: false });
}

function versionText(client: ReturnType<typeof clientVersion>, server: ServerVersion | undefined): string {
  const lines = [
    'Client:',
    ` Version:\t${client.Version}`,
    ` API version:\t${client.ApiVersion}`,
    ` Node version:\t${client.NodeVersion}`,
    ` OS/Arch:\t${client.Os}/${client.Arch}`,
    ` Context:\t${client.Context}`,
  ];
  if (server) lines.push('', ...serverLines(server));
  return alignColumns(`${lines.join('\n')}\n`, { minWidth: 20, padding: 1 });
}

function serverLines(server: ServerVersion): string[] {
  const lines = [`Server:${server.Platform?.Name ? ` ${server.Platform.Name}` : ''}`];
  for (const { Name, Version, Details } of server.Components ?? []) {
    lines.push(` ${Name}:`, `  Version:\t${Version}`);
    if (Name !== 'Engine') {
      for (const [key, value] of Object.entries(Details ?? {})) lines.push(`  ${key}:\t${value}`);
      continue;
    }
    const detail = (key: string) => Details?.[key] ?? '';
    lines.push(
      `  API version:\t${detail('ApiVersion')} (minimum version ${detail('MinAPIVersion')})`,
      ...(detail('GoVersion') ? [`  Go version:\t${detail('GoVersion')}`] : []),
      `  Git commit:\t${detail('GitCommit')}`,
      `  Built:\t${detail('BuildTime')}`,
      `  OS/Arch:\t${detail('Os')}/${detail('Arch')}`,
      `  Experimental:\t${detail('Experimental')}`,
    );
  }
  return lines;
}
