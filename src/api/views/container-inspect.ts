import { dirname, join } from 'node:path';
import type { Container, ContainerState } from '../../container/index.ts';
import type { EndpointSettings, Network } from '../../network/index.ts';
import { byName } from '../by-name.ts';
import { never } from '../time.ts';
import { filledFields, hostConfigView } from './host-config.ts';
import { mountViews } from './mounts.ts';

export interface InspectFacts {
  readonly networks: readonly Network[];
  readonly execIDs: readonly string[];
  /** Whether the id and the host name of the container count among its aliases. */
  readonly ownAliases: boolean;
  readonly sizes?: { readonly rw: number; readonly rootFs: number };
  /** Folders of the container's layers, for `GraphDriver`. */
  readonly graph: Readonly<Record<string, string>>;
}

/** `GET /containers/{id}/json`. */
export function inspectContainer(container: Container, facts: InspectFacts): Record<string, unknown> {
  return {
    Id: container.id,
    Created: container.created,
    Path: container.path,
    Args: container.args,
    State: stateView(container.state),
    Image: container.imageID ?? '',
    ...injectedFiles(container),
    LogPath: container.logPath,
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: profileOf(container),
    ExecIDs: facts.execIDs.length > 0 ? facts.execIDs : null,
    HostConfig: { ...hostConfigView(container.host), Links: linkViews(container) },
    GraphDriver: { Data: { ID: container.id, ...facts.graph }, Name: 'overlay2' },
    ...(facts.sizes && { SizeRw: facts.sizes.rw, SizeRootFs: facts.sizes.rootFs }),
    Mounts: mountViews(container),
    Config: configView(container),
    NetworkSettings: networkSettings(container, facts),
  };
}

/** As it was asked for. */
function profileOf({ host }: Container): string {
  const asked = host.SecurityOpt?.findLast((option) => /^apparmor[=:]/.test(option));
  return asked?.replace(/^apparmor[=:]/, '') ?? '';
}

/** Links of the default bridge, with the names that both ends have. */
function linkViews({ name, host }: Container): readonly string[] | null {
  if (!host.Links?.length) return null;
  return host.Links.map((link) => {
    const [target = '', alias = target] = link.split(':', 2);
    return `/${target.replace(/^\//, '')}:/${name}/${alias.replace(/^.*\//, '')}`;
  });
}

/** What the engine writes for a container stands beside its log, once it was started. */
function injectedFiles(container: Container): Record<string, string> {
  const started = Date.parse(container.state.startedAt) > 0;
  const own = dirname(container.logPath);
  const other = otherContainer(container);
  const folder = other === undefined ? own : join(dirname(own), other);
  const path = (name: string) => (started ? join(folder, name) : '');
  return { ResolvConfPath: path('resolv.conf'), HostnamePath: path('hostname'), HostsPath: path('hosts') };
}

/** Id of the container whose network, with its files, this one has. */
function otherContainer({ host }: Container): string | undefined {
  return /^container:(.+)$/.exec(host.NetworkMode ?? '')?.[1];
}

function stateView(state: ContainerState): Record<string, unknown> {
  const running = state.status === 'running' || state.status === 'paused' || state.status === 'restarting';
  return {
    Status: state.status,
    Running: running,
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: state.status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt || never,
    FinishedAt: state.finishedAt || never,
    ...(state.health && {
      Health: {
        Status: state.health.status,
        FailingStreak: state.health.failingStreak,
        Log: state.health.log.map((entry) => ({
          Start: entry.start,
          End: entry.end,
          ExitCode: entry.exitCode,
          Output: entry.output,
        })),
      },
    }),
  };
}

function configView(container: Container): Record<string, unknown> {
  const given = container.config;
  return {
    Hostname: container.id.slice(0, 12),
    Domainname: '',
    User: '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: undefined,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: [],
    Cmd: null,
    Healthcheck: undefined,
    Image: '',
    Volumes: null,
    WorkingDir: '',
    Entrypoint: null,
    OnBuild: null,
    Labels: {},
    ...dropUndefined(given),
    ...(given.Labels && { Labels: byName(given.Labels) }),
    ...(given.Healthcheck && { Healthcheck: filledFields(given.Healthcheck) }),
    ...(given.StopSignal === '' && { StopSignal: undefined }),
    ...(Object.keys(given.ExposedPorts ?? {}).length === 0 && { ExposedPorts: undefined }),
    ...(Object.keys(given.Volumes ?? {}).length === 0 && { Volumes: null }),
  };
}

function dropUndefined(from: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined));
}

function networkSettings(
  container: Container,
  { networks, ownAliases }: Pick<InspectFacts, 'networks' | 'ownAliases'>,
): Record<string, unknown> {
  const up = container.state.status === 'running' || container.state.status === 'paused';
  const views = endpointViews(container, networks);
  const primary = views['bridge'];
  return {
    Bridge: '',
    SandboxID: up && otherContainer(container) === undefined ? container.id : '',
    // A path to its namespace, for `nsenter --net=…`.
    SandboxKey: up ? `/proc/${container.state.pid}/ns/net` : '',
    Ports: up ? container.ports : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: primary?.EndpointID ?? '',
    Gateway: primary?.Gateway ?? '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: primary?.IPAddress ?? '',
    IPPrefixLen: primary?.IPPrefixLen ?? 0,
    IPv6Gateway: '',
    MacAddress: primary?.MacAddress ?? '',
    Networks: ownAliases ? withOwnAliases(views, container) : views,
  };
}

/** On networks of users. */
function withOwnAliases(views: Readonly<Record<string, EndpointView>>, { id, config }: Container) {
  return Object.fromEntries(
    Object.entries(views).map(([name, view]) => {
      if (isDefaultNetwork(name)) return [name, view];
      const own = [...(view.Aliases ?? []), id.slice(0, 12), ...(config.Hostname ? [config.Hostname] : [])];
      return [name, { ...view, Aliases: [...new Set(own)] }];
    }),
  );
}

export interface EndpointView {
  readonly Aliases: readonly string[] | null;
  readonly EndpointID: string;
  readonly Gateway: string;
  readonly IPAddress: string;
  readonly IPPrefixLen: number;
  readonly MacAddress: string;
}

/** The endpoints by network name; addresses only while the container is up. */
export function endpointViews(
  container: Container,
  networks: readonly Network[],
): Readonly<Record<string, EndpointView>> {
  const up = container.state.status === 'running' || container.state.status === 'paused';
  return Object.fromEntries(
    Object.entries(container.networks).map(([name, endpoint]) => [
      name,
      endpointView(
        endpoint,
        up,
        networks.find((network) => network.name === name || network.id === name),
        {
          names: namesIn(name, endpoint, container),
          wanted: container.state.status === 'created' ? (endpoint.wantedMacAddress ?? '') : '',
        },
      ),
    ]),
  );
}

const isDefaultNetwork = (name: string) =>
  ['bridge', 'host', 'none', 'default'].includes(name) || name.startsWith('container:');

/** What the other containers of the network call it; the default networks have no names. */
function namesIn(network: string, endpoint: EndpointSettings, container: Container): readonly string[] | null {
  if (endpoint.DNSNames?.length) return endpoint.DNSNames;
  if (isDefaultNetwork(network)) return null;
  const { Hostname: hostname } = container.config;
  const own = [container.name, ...(endpoint.Aliases ?? []), container.id.slice(0, 12)];
  return [...new Set([...own, ...(hostname ? [hostname] : [])])];
}

function endpointView(
  endpoint: EndpointSettings,
  up: boolean,
  network: Network | undefined,
  { names, wanted }: { readonly names: readonly string[] | null; readonly wanted: string },
): EndpointView {
  const given = endpoint as EndpointSettings & Readonly<Record<string, unknown>>;
  return {
    IPAMConfig: given['IPAMConfig'] ?? null,
    Links: given['Links'] ?? null,
    Aliases: given.Aliases?.length ? given.Aliases : null,
    MacAddress: up ? (given.MacAddress ?? '') : wanted,
    DriverOpts: given['DriverOpts'] ?? null,
    GwPriority: given['GwPriority'] ?? 0,
    NetworkID: given.NetworkID ?? network?.id ?? '',
    EndpointID: up ? (given.EndpointID ?? '') : '',
    Gateway: up ? (given.Gateway ?? '') : '',
    IPAddress: up ? (given.IPAddress ?? '') : '',
    IPPrefixLen: up ? (given.IPPrefixLen ?? 0) : 0,
    IPv6Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    DNSNames: names,
  } as EndpointView;
}
