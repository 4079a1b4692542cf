export { networkMigrations } from './migrations.ts';
export type { NetworkOptions } from './networks.ts';
export { createNetworks } from './networks.ts';
export type { EndpointSettings, Network, Networks, PortBinding, Sandbox } from './types.ts';
