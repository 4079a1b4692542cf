import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../db/index.ts';
import { messageOf } from '../errors/index.ts';
import type { Networks } from '../network/index.ts';
import { type RuntimeFacts, runRuntime } from '../runtime/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import type { Volumes } from '../volume/index.ts';
import { type ContainerStore, createContainerStore } from './store.ts';
import { createTurns, type Turns } from './turns.ts';
import type { Container, ContainerEvent } from './types.ts';

export interface ContainerOptions {
  readonly db: Database;
  readonly snapshots: Snapshots;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly dataRoot: string;
  readonly stateRoot: string;
  readonly runtime: () => RuntimeFacts;
  /** Takes lines about what nobody waits for and what failed all the same. */
  readonly log?: (line: string) => void;
}

/** Where the files of a container lie. */
export interface Places {
  readonly dataDir: string;
  readonly stateDir: string;
  readonly exitDir: string;
  bundleOf(id: string): string;
  rootOf(id: string): string;
  /** /dev/shm of a container that offers it to others. */
  memoryOf(id: string): string;
  /** What outlives a restart of the daemon. */
  folderOf(id: string): string;
}

/** What the parts of the life cycle have in common: the rows, whose turn it is, where files lie, who hears of what happens. */
export interface ContainerParts extends Pick<ContainerOptions, 'snapshots' | 'networks' | 'volumes'> {
  readonly store: ContainerStore;
  readonly turns: Turns;
  readonly places: Places;
  readonly facts: () => RuntimeFacts;
  /** Runs the runtime to its end. */
  runtime(...args: readonly string[]): ReturnType<typeof runRuntime>;
  readonly log: (line: string) => void;
  /** Of work that no request waits for: whoever runs the daemon reads of a failure in its log. */
  unheard(what: string, id: string): (error: unknown) => void;
  emit(action: ContainerEvent['action'], container: Container, attributes?: Readonly<Record<string, string>>): void;
  subscribe(listener: (event: ContainerEvent) => void): () => void;
}

export function openParts(options: ContainerOptions): ContainerParts {
  const { snapshots, networks, volumes, log = () => {} } = options;
  const subscribers = new Set<(event: ContainerEvent) => void>();
  return {
    snapshots,
    networks,
    volumes,
    log,
    store: createContainerStore(options.db, log),
    turns: createTurns(),
    places: openPlaces(options),
    facts: options.runtime,
    runtime: (...args) => runRuntime(options.runtime(), args),
    unheard: (what, id) => (error) => log(`cannot ${what} container ${id.slice(0, 12)}: ${messageOf(error)}`),
    emit(action, container, attributes) {
      for (const subscriber of subscribers) subscriber({ action, container, ...(attributes && { attributes }) });
    },
    subscribe(listener) {
      subscribers.add(listener);
      return () => subscribers.delete(listener);
    },
  };
}

function openPlaces(options: Pick<ContainerOptions, 'dataRoot' | 'stateRoot'>): Places {
  const dataDir = join(options.dataRoot, 'containers');
  const stateDir = join(options.stateRoot, 'containers');
  const exitDir = join(options.stateRoot, 'exits');
  for (const dir of [dataDir, stateDir, exitDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const bundleOf = (id: string) => join(stateDir, id.slice(0, 16));
  return {
    dataDir,
    stateDir,
    exitDir,
    bundleOf,
    rootOf: (id) => join(bundleOf(id), 'rootfs'),
    memoryOf: (id) => join(bundleOf(id), 'shm'),
    folderOf: (id) => join(dataDir, id),
  };
}
