import { StrataError } from '../errors/index.ts';
import { familiesAsked, unknownOptions } from '../network/index.ts';

/** The part of `POST /networks/create` that says what kind of network it is. */
export interface NetworkRequest {
  readonly Driver?: string | undefined;
  readonly Scope?: string | undefined;
  readonly EnableIPv4?: boolean | undefined;
  readonly EnableIPv6?: boolean | undefined;
  readonly Ingress?: boolean | undefined;
  readonly ConfigOnly?: boolean | undefined;
  readonly Options?: Readonly<Record<string, string>> | undefined;
  readonly IPAM?: { readonly Options?: Readonly<Record<string, string>> | undefined } | undefined;
}

/** Networks are this engine's own: those of a swarm are refused. */
export function checkScope({ Scope: scope = '', Ingress: ingress = false, ConfigOnly }: NetworkRequest): void {
  if (ConfigOnly && (scope !== '' || ingress))
    throw new StrataError(
      'permission_denied',
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
      { code: 'invalid_config_network' },
    );
  if (scope === 'swarm')
    throw new StrataError('permission_denied', 'cannot create a swarm scoped network when swarm is not active', {
      code: 'no_swarm',
    });
  if (ingress)
    throw new StrataError('permission_denied', 'Ingress network can only be global scope network', {
      code: 'no_swarm',
    });
  if (scope !== '' && scope !== 'local')
    throw new StrataError(
      'invalid_argument',
      `invalid scope ${JSON.stringify(scope)}: networks are of this engine alone`,
      {
        code: 'invalid_scope',
        hint: 'leave the scope out, or say local',
      },
    );
}

export function checkFamilies({ EnableIPv4, EnableIPv6, Options = {} }: NetworkRequest): void {
  const { ipv4 = EnableIPv4 ?? true, ipv6 = EnableIPv6 ?? false } = familiesAsked(Options);
  if (ipv6)
    throw new StrataError('unsupported', 'IPv6 is not supported on networks: containers have IPv4 addresses alone', {
      code: 'ipv6_network',
      hint: 'leave --ipv6 (EnableIPv6, enable_ipv6) out; published ports are reached by IPv6, too',
    });
  if (!ipv4) throw new StrataError('invalid_argument', 'IPv4 or IPv6 must be enabled', { code: 'no_addresses' });
}

/** Who chooses the addresses of containers: the engine. */
export function checkAddressDriver(driver: string): void {
  if (driver === 'null') throw new StrataError('invalid_argument', 'ipv4 pool is empty', { code: 'no_addresses' });
  if (driver !== '' && driver !== 'default')
    throw new StrataError('not_found', `plugin ${JSON.stringify(driver)} not found`, { code: 'plugin_not_found' });
}

/** What was asked for and changes nothing. */
export function networkWarnings({ Options = {}, IPAM }: NetworkRequest): readonly string[] {
  const addressOptions = Object.keys(IPAM?.Options ?? {}).filter((key) => key !== 'com.docker.network.ipam.serial');
  return [
    ...unknownOptions(Options).map(
      (key) => `option ${JSON.stringify(key)} is unknown to the bridge driver and has no effect`,
    ),
    ...addressOptions.map((key) => `option ${JSON.stringify(key)} is unknown to the IPAM driver and has no effect`),
  ];
}
