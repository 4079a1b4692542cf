export { familiesAsked, nameServerOf, unknownOptions } from './bridge-options.ts';
export { driverOptionProblems, unknownDriverOptions } from './interface-settings.ts';
export { networkMigrations } from './migrations.ts';
export { firewallDriver } from './netavark.ts';
export type { NetworkOptions } from './networks.ts';
export { createNetworks } from './networks.ts';
export { type AddressPool, isInSubnet, privatePools } from './subnet.ts';
export type {
  CreateNetwork,
  EndpointSettings,
  Network,
  NetworkMember,
  NetworkSubnet,
  Networks,
  PortBinding,
  Sandbox,
} from './types.ts';
