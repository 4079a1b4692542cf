import { defineCommand } from '../../command.ts';
import { bool, list, text } from '../../flags/flag.ts';
import { commaSeparated, keyValueMap } from '../../flags/lists.ts';
import { ipamConfigs } from '../../network-ipam.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] NETWORK',
  args: { min: 1, max: 1 },
  flags: {
    attachable: bool('', 'Enable manual container attachment'),
    'aux-address': list('', 'Addresses that the network must not give away, name=address', { type: 'map' }),
    'config-from': text('', 'The network to take the configuration from'),
    'config-only': bool('', 'Make a configuration for other networks'),
    driver: text('d', 'Driver to manage the network', 'bridge'),
    gateway: list('', 'Gateway of a subnet', { type: 'strings' }),
    ingress: bool('', "Make the network of a swarm's published ports", false),
    internal: bool('', 'Restrict external access to the network'),
    'ip-range': list('', 'Allocate addresses of containers from this part of a subnet', { type: 'strings' }),
    'ipam-driver': text('', 'Driver to manage the addresses', 'default'),
    'ipam-opt': list('', 'Options of that driver', { type: 'map' }),
    ipv4: bool('', 'Enable or disable IPv4 address assignment', true),
    ipv6: bool('', 'Enable or disable IPv6 address assignment'),
    label: list('', 'Set metadata on a network'),
    opt: list('o', 'Set driver specific options', { type: 'map' }),
    scope: text('', 'Reach of the network', '', { hidden: true }),
    subnet: list('', 'Subnet in CIDR format that represents a network segment', { type: 'strings' }),
  },
  examples: [
    ['network create --subnet 10.77.0.0/24 --gateway 10.77.0.1 backend', 'a network with addresses of your choice'],
  ],
  async run({ flags, given, args, session, client }) {
    const { networks } = await client();
    const { Id, Warning } = await networks.create({
      Name: args[0],
      Driver: flags.driver,
      Options: keyValueMap(flags.opt),
      IPAM: {
        Driver: flags['ipam-driver'],
        Options: keyValueMap(flags['ipam-opt']),
        Config: ipamConfigs({
          subnets: commaSeparated(flags.subnet),
          ranges: commaSeparated(flags['ip-range']),
          gateways: commaSeparated(flags.gateway),
          auxiliary: keyValueMap(flags['aux-address']),
        }),
      },
      Internal: flags.internal,
      Attachable: flags.attachable,
      Ingress: flags.ingress,
      ConfigOnly: flags['config-only'],
      ...(flags['config-from'] && { ConfigFrom: { Network: flags['config-from'] } }),
      Labels: keyValueMap(flags.label),
      ...(flags.scope && { Scope: flags.scope }),
      ...(given.has('ipv4') && { EnableIPv4: flags.ipv4 }),
      ...(given.has('ipv6') && { EnableIPv6: flags.ipv6 }),
    });
    if (Warning) session.stderr.write(`WARNING: ${Warning}\n`);
    session.stdout.write(`${Id}\n`);
    return 0;
  },
});
