import { createStrataCalls, type StrataCalls } from './builds.ts';
import { type ContainerCalls, createContainerCalls } from './containers.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { createImageCalls, type ImageCalls } from './images.ts';
import { createNetworkCalls, type NetworkCalls } from './networks.ts';
import { createSystemCalls, type SystemCalls } from './system.ts';
import { createTransport } from './transport.ts';
import { createVolumeCalls, type VolumeCalls } from './volumes.ts';

/**
 * The Engine API v1.51 and Strata's own routes, by noun. Calls reject with a StrataError; where the words are the
 * daemon's, its code is `http_STATUS`.
 */
export interface Client {
  /** `unix:///run/strata/strata.sock` */
  readonly host: string;
  readonly images: ImageCalls;
  readonly containers: ContainerCalls;
  readonly networks: NetworkCalls;
  readonly volumes: VolumeCalls;
  readonly system: SystemCalls;
  readonly strata: StrataCalls;
  /** Ends what is under way, and the connections that wait for another call. */
  close(): void;
}

export function createClient(endpoint: Endpoint): Client {
  const transport = createTransport(endpoint);
  return {
    host: formatEndpoint(endpoint),
    images: createImageCalls(transport),
    containers: createContainerCalls(transport),
    networks: createNetworkCalls(transport),
    volumes: createVolumeCalls(transport),
    system: createSystemCalls(transport),
    strata: createStrataCalls(transport),
    close: transport.close,
  };
}
