import type { ContentStore } from '../content/index.ts';
import type { Database } from '../db/index.ts';
import type { Images } from '../image/index.ts';
import type { Layers } from '../layer/index.ts';
import type { Networks } from '../network/index.ts';
import type { Registry } from '../registry/index.ts';
import type { StepExecutor } from '../runtime/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import type { Transfers } from '../transfer/index.ts';
import type { Held } from './cache/held.ts';
import type { KeptResults } from './exporters/kept-results.ts';
import type { Workshop } from './ops/workshop.ts';
import type { WithoutTrace } from './remote-cache/without-trace.ts';
import type { Flights } from './solver/flights.ts';
import type { Slots } from './solver/slots.ts';
import type { Outcome } from './solver/vertex.ts';
import type { Value } from './value.ts';

export interface BuilderParts {
  readonly db: Database;
  readonly content: ContentStore;
  readonly layers: Layers;
  readonly snapshots: Snapshots;
  readonly images: Images;
  readonly executor: StepExecutor;
  readonly networks?: Networks;
  /** Absent: only local images are built on, and nothing is pushed. */
  readonly transfers?: Transfers;
  /** With `transfers`. */
  readonly registry?: Pick<Registry, 'resolve' | 'blob' | 'head'>;
  /** Most RUN steps that run at the same time. */
  readonly parallelism: number;
  /** Folder for what lives as long as the process. */
  readonly stateRoot: string;
  /** Folder for what outlives it. */
  readonly dataRoot: string;
}

/** What all builds of one builder share. */
export interface Plant {
  readonly parts: BuilderParts;
  readonly shop: Workshop;
  readonly slots: Slots;
  readonly flights: Flights<Outcome<Value>>;
  readonly held: Held;
  readonly results: KeptResults;
  readonly withoutTrace: WithoutTrace;
}
