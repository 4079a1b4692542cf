import type { Container, ContainerState } from '../../container/index.ts';
import type { Network } from '../../network/index.ts';
import { byName } from '../by-name.ts';
import { humanDuration } from '../time.ts';
import { endpointViews } from './container-inspect.ts';
import { mountViews } from './mounts.ts';

export interface SummaryFacts {
  readonly networks: readonly Network[];
  /** What to show as the image: its name while the name still points at it, else its id. */
  readonly image: string;
  /** Whether the annotations are told. */
  readonly annotations: boolean;
  readonly sizes?: { readonly rw: number; readonly rootFs: number };
}

/** One row of `GET /containers/json`. */
export function summarizeContainer(container: Container, facts: SummaryFacts): Record<string, unknown> {
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: facts.image,
    ImageID: container.imageID ?? '',
    Command: commandText(container),
    Created: Math.floor(Date.parse(container.created) / 1000),
    Ports: portRows(container),
    ...(facts.sizes && {
      ...(facts.sizes.rw > 0 && { SizeRw: facts.sizes.rw }),
      SizeRootFs: facts.sizes.rootFs,
    }),
    Labels: byName(container.config.Labels ?? {}),
    State: container.state.status,
    Status: statusText(container.state),
    HostConfig: {
      NetworkMode: networkMode(container),
      ...(facts.annotations && { Annotations: container.host.Annotations ?? {} }),
    },
    NetworkSettings: { Networks: unnamed(endpointViews(container, facts.networks)) },
    Mounts: mountViews(container),
  };
}

/** Lists leave the names out by which others know a container. */
function unnamed(views: ReturnType<typeof endpointViews>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(views).map(([name, view]) => [name, { ...view, DNSNames: null }]));
}

function networkMode(container: Container): string {
  const mode = container.host.NetworkMode;
  return mode === undefined || mode === '' || mode === 'default' ? 'bridge' : mode;
}

/** Words with blanks are quoted, as Docker prints a command. */
export function commandText(container: Pick<Container, 'path' | 'args'>): string {
  const quote = (word: string) => (word === '' || word.includes(' ') ? `'${word}'` : word);
  return container.args.length === 0 ? container.path : [container.path, ...container.args.map(quote)].join(' ');
}

/** `Up 3 seconds (healthy)`, `Exited (0) 2 minutes ago`, `Created`…: moby's `State.String`. */
export function statusText(state: ContainerState, now: number = Date.now()): string {
  const since = (moment: string) => humanDuration((now - Date.parse(moment)) / 1000);
  switch (state.status) {
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'running':
      return `Up ${since(state.startedAt)}${healthText(state)}`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'created':
      return 'Created';
    case 'exited':
      return Number.isNaN(Date.parse(state.finishedAt)) || Date.parse(state.finishedAt) < 0
        ? ''
        : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function healthText(state: ContainerState): string {
  const status = state.health?.status;
  if (status === undefined || status === 'none') return '';
  return status === 'starting' ? ' (health: starting)' : ` (${status})`;
}

interface PortRow {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

export function portRows(container: Container): readonly PortRow[] {
  if (container.state.status !== 'running' && container.state.status !== 'paused') return [];
  return Object.entries(container.ports).flatMap(([port, bindings]): PortRow[] => {
    const [number = '0', protocol = 'tcp'] = port.split('/');
    const inside = { PrivatePort: Number(number), Type: protocol };
    if (!bindings || bindings.length === 0) return [inside];
    return bindings.map((binding) => ({
      IP: binding.HostIp,
      PrivatePort: inside.PrivatePort,
      PublicPort: Number(binding.HostPort),
      Type: protocol,
    }));
  });
}
