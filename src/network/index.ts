export type { EndpointSettings, Network, Networks, PortBinding, Sandbox } from './types.ts';
