import { StrataError } from '../errors/index.ts';
import type { EndpointSettings } from '../network/index.ts';
import { compareVersions } from './version.ts';

type Endpoints = Readonly<Record<string, EndpointSettings>>;

/** From this version of the API on an address is one of an endpoint. */
const moved = '1.44';

export const containerMacWarning =
  'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.';

/** The endpoints with the MAC address of the whole container, which older clients send, given to the main network. */
export function withContainerMac(
  endpoints: Endpoints | undefined,
  { mac, mode, version }: { readonly mac: string; readonly mode: string; readonly version: string },
): { readonly endpoints: Endpoints | undefined; readonly warnings: readonly string[] } {
  if (mac === '') return { endpoints, warnings: [] };
  const warnings = compareVersions(version, moved) < 0 ? [] : [containerMacWarning];
  if (mode === 'none' || mode === 'host' || mode.startsWith('container:')) return { endpoints, warnings };
  const name = [mode, 'default', 'bridge'].find((one) => endpoints?.[one] && isMain(one, mode)) ?? mode;
  const endpoint = endpoints?.[name] ?? {};
  if (endpoint.MacAddress && endpoint.MacAddress !== mac)
    throw new StrataError(
      'invalid_argument',
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
      { code: 'conflicting_options' },
    );
  return { endpoints: { ...endpoints, [name]: { ...endpoint, MacAddress: mac } }, warnings };
}

/** The default network has two names. */
function isMain(name: string, mode: string): boolean {
  const plain = (text: string) => (text === 'default' ? 'bridge' : text);
  return plain(name) === plain(mode);
}
