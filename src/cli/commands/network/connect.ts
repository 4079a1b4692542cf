import { defineCommand } from '../../command.ts';
import { integer, list, text } from '../../flags/flag.ts';
import { commaSeparated, keyValueMap } from '../../flags/lists.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] NETWORK CONTAINER',
  args: { min: 2, max: 2 },
  flags: {
    alias: list('', 'Add network-scoped alias for the container', { type: 'strings' }),
    'driver-opt': list('', 'Options for the driver of the network', { type: 'strings' }),
    'gw-priority': integer('', 'The network with the highest priority gives the default gateway'),
    ip: text('', 'IPv4 address (e.g., "172.30.100.104")'),
    ip6: text('', 'IPv6 address (e.g., "2001:db8::33")'),
    link: list('', 'Add link to another container'),
    'link-local-ip': list('', 'Add a link-local address for the container', { type: 'strings' }),
  },
  async run({ flags, args, client }) {
    const { networks } = await client();
    const linkLocal = commaSeparated(flags['link-local-ip']);
    await networks.connect(args[0]!, args[1]!, {
      IPAMConfig: {
        ...(flags.ip && { IPv4Address: flags.ip }),
        ...(flags.ip6 && { IPv6Address: flags.ip6 }),
        ...(linkLocal.length > 0 && { LinkLocalIPs: linkLocal }),
      },
      Links: flags.link,
      Aliases: commaSeparated(flags.alias),
      DriverOpts: keyValueMap(commaSeparated(flags['driver-opt'])),
      GwPriority: flags['gw-priority'],
    });
    return 0;
  },
});
