import type { StubRecord } from '../runtime/index.ts';
import type { Container, ContainerState } from './types.ts';

/** Go's zero time: how Docker says that something has not happened. */
export const never = '0001-01-01T00:00:00Z';

/** What is kept of a container: all that the contract shows, and what only this room needs. */
export interface ContainerRecord extends Container {
  /** How often its process was started. */
  readonly runs: number;
  /** Start time of the process in clock ticks (proc(5) stat field 22): with the pid it names one process. */
  readonly startTicks: string;
  /** Asked to stop by a user: restart policies leave it alone. */
  readonly stopped: boolean;
  /** Volumes that were made for it without a name. */
  readonly anonymousVolumes: readonly string[];
  /** What the processes of the present run are told of linked containers. */
  readonly linkVariables?: readonly string[];
  /** Stubs of the present run in its root. */
  readonly stubs?: readonly StubRecord[];
}

export const freshState: ContainerState = {
  status: 'created',
  pid: 0,
  exitCode: 0,
  oomKilled: false,
  error: '',
  startedAt: never,
  finishedAt: never,
};

/** Docker's `Running`: also between two runs of a restart policy. */
export function isRunning({ state }: Pick<Container, 'state'>): boolean {
  return hasProcess({ state }) || state.status === 'restarting';
}

/** Whether there is a process now. */
export function hasProcess({ state }: Pick<Container, 'state'>): boolean {
  return state.status === 'running' || state.status === 'paused';
}

/** RFC 3339 with nanoseconds. */
export function timestamp(): string {
  const nanoseconds = String(Number(process.hrtime.bigint() % 1_000_000n)).padStart(6, '0');
  return `${new Date().toISOString().slice(0, -1)}${nanoseconds}Z`;
}

/** Which run somebody waits for or attaches to: this one; where there is none, the one to come. */
export function runAsked(record: ContainerRecord): number {
  return hasProcess(record) ? record.runs : record.runs + 1;
}

export function isOverRun(now: ContainerRecord, run: number): boolean {
  return now.runs > run || (now.runs === run && !hasProcess(now));
}
