export { networkMigrations } from './migrations.ts';
export type { NetworkOptions } from './networks.ts';
export { createNetworks } from './networks.ts';
export { type AddressPool, isInSubnet, privatePools } from './subnet.ts';
export type { EndpointSettings, Network, NetworkMember, Networks, PortBinding, Sandbox } from './types.ts';
