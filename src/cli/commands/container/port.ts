import { StrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { naturally } from '../../rows/by-name.ts';
import { hostPort } from '../../rows/ports.ts';

export const command = defineCommand({
  synopsis: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  args: { min: 1, max: 2 },
  flags: {},
  async run({ args, session, client }) {
    const [name = '', wanted] = args;
    const { containers } = await client();
    const { NetworkSettings } = await containers.inspect(name);
    const ports = Object.entries(NetworkSettings.Ports ?? {});
    if (wanted === undefined) {
      const lines = ports.flatMap(([port, bindings]) =>
        (bindings ?? []).map(({ HostIp, HostPort }) => `${port} -> ${hostPort(HostIp, HostPort)}\n`),
      );
      session.stdout.write(lines.sort(naturally).join(''));
      return 0;
    }
    const key = wanted.includes('/') ? wanted : `${wanted}/tcp`;
    const found = ports.find(([port]) => port === key)?.[1];
    if (!found)
      throw new StrataError('not_found', `Error: No public port '${wanted}' published for ${name}`, {
        code: 'port_not_found',
      });
    const lines = found.map(({ HostIp, HostPort }) => `${hostPort(HostIp, HostPort)}\n`);
    session.stdout.write(lines.sort(naturally).join(''));
    return 0;
  },
});
