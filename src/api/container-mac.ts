import { StrataError } from '../errors/index.ts';
import type { EndpointSettings } from '../network/index.ts';
import { before } from './version.ts';

type Endpoints = Readonly<Record<string, EndpointSettings>>;

export const containerMacWarning =
  'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.';

/** The endpoints with the MAC address of the whole container, which older clients send, given to the main network. */
export function withContainerMac(
  endpoints: Endpoints | undefined,
  { mac, mode, version }: { readonly mac: string; readonly mode: string; readonly version: string },
): { readonly endpoints: Endpoints | undefined; readonly warnings: readonly string[] } {
  if (mac === '') return { endpoints, warnings: [] };
  const isOld = before(version, 'severalEndpoints');
  const warnings = isOld ? [] : [containerMacWarning];
  if (!hasOwnAddress(mode)) {
    if (isOld) throw refusal('conflicting options: mac-address and the network mode');
    return { endpoints, warnings };
  }
  const given = Object.keys(endpoints ?? {});
  // Older clients name one network at most: that is the one.
  const name = isOld ? (given[0] ?? mode) : mainNetwork(given, mode);
  const endpoint = endpoints?.[name] ?? {};
  if (endpoint.MacAddress && endpoint.MacAddress !== mac)
    throw refusal(
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
    );
  return { endpoints: { ...endpoints, [name]: { ...endpoint, MacAddress: mac } }, warnings };
}

/** Whether containers of this network mode have addresses of their own. */
export function hasOwnAddress(mode: string): boolean {
  return mode !== 'none' && mode !== 'host' && !mode.startsWith('container:');
}

function mainNetwork(given: readonly string[], mode: string): string {
  const name = given.find((one) => plain(one) === plain(mode));
  if (name === undefined && given.length > 0)
    throw refusal(
      'unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks',
    );
  return name ?? mode;
}

/** The default network has two names. */
const plain = (name: string) => (name === 'default' ? 'bridge' : name);

function refusal(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'conflicting_options' });
}
