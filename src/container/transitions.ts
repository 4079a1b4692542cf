import { type ErrorKind, StrataError } from '../errors/index.ts';
import type { Container, ContainerStatus } from './types.ts';

/** What may be asked of a container. */
export type ContainerRequest =
  | 'start'
  | 'stop'
  | 'kill'
  | 'pause'
  | 'unpause'
  | 'remove'
  | 'attach'
  | 'exec'
  | 'resize'
  | 'top';

type Asked = Pick<Container, 'id' | 'name' | 'state'> & { readonly ref: string };
type Refusal = (asked: Asked) => StrataError;
type Refusals = Partial<Record<ContainerStatus, Refusal>>;

function because(kind: ErrorKind, words: (asked: Asked) => string, code?: string): Refusal {
  return (asked) => new StrataError(kind, words(asked), code === undefined ? {} : { code });
}

const notRunning = because('conflict', ({ id }) => `container ${id} is not running`, 'not_running');
const notStoppable = because('failed_precondition', ({ name }) => `container ${name} is not running`, 'not_running');
const notKillable = because(
  'conflict',
  ({ id, ref }) => `cannot kill container: ${ref}: container ${id} is not running`,
  'not_running',
);
const isRestarting = (what: string) =>
  because('conflict', ({ id }) => `${what} ${id} is restarting, wait until the container is running`);
const needsForce = (why: string) =>
  because(
    'conflict',
    ({ name }) => `cannot remove container ${JSON.stringify(name)}: container is ${why}`,
    'container_running',
  );

/** The same for every status without a process. */
function withoutProcess(refusal: Refusal): Refusals {
  return { created: refusal, exited: refusal, dead: refusal, removing: refusal };
}

/** What is refused in which state, in Docker's words; what is not here is allowed. */
const refusals: Readonly<Record<ContainerRequest, Refusals>> = {
  start: {
    running: because('failed_precondition', ({ name }) => `container ${name} is already running`, 'already_running'),
    paused: because('conflict', () => 'cannot start a paused container, try unpause instead'),
    dead: because('conflict', () => 'container is marked for removal and cannot be started', 'dead'),
  },
  stop: withoutProcess(notStoppable),
  kill: withoutProcess(notKillable),
  pause: {
    ...withoutProcess(notRunning),
    restarting: notRunning,
    paused: because('conflict', ({ id }) => `Container ${id} is already paused`),
  },
  unpause: {
    ...withoutProcess(notRunning),
    restarting: notRunning,
    running: because('conflict', ({ id }) => `Container ${id} is not paused`),
  },
  // Without force.
  remove: {
    running: needsForce('running: stop the container before removing or force remove'),
    restarting: needsForce('restarting: stop the container before removing or force remove'),
    paused: needsForce('paused and must be unpaused first'),
  },
  attach: {
    paused: because('conflict', ({ id }) => `container ${id} is paused, unpause the container before attach`),
    restarting: isRestarting('container'),
  },
  exec: {
    ...withoutProcess(notRunning),
    paused: because('conflict', ({ ref }) => `Container ${ref} is paused, unpause the container before exec`),
    restarting: isRestarting('Container'),
  },
  resize: { ...withoutProcess(notRunning), restarting: notRunning },
  top: { ...withoutProcess(notRunning), restarting: notRunning },
};

/** Why `request` cannot be done with a container as it is; `ref`: the container as the user named it. */
export function refusalOf(
  container: Pick<Container, 'id' | 'name' | 'state'>,
  request: ContainerRequest,
  ref = container.id,
): StrataError | undefined {
  const { id, name, state } = container;
  return refusals[request][state.status]?.({ id, name, state, ref });
}

/** Throws where `request` cannot be done; see {@link refusalOf}. */
export function assertAllowed(...asked: Parameters<typeof refusalOf>): void {
  const refusal = refusalOf(...asked);
  if (refusal) throw refusal;
}
