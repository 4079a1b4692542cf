import type { BuildRequest } from '../wire/index.ts';
import type { KeptRoot } from './ops/failed-step.ts';
import type { Plant } from './plant.ts';
import type { Session } from './session.ts';
import type { StepImages } from './step-images.ts';

/** What the parts of one build have in common. */
export interface Building {
  readonly plant: Plant;
  readonly request: BuildRequest;
  readonly session: Session;
  /** Build arguments that have a value. */
  readonly given: Readonly<Record<string, string>>;
  /** Keeps what the build uses from being collected. */
  readonly held: ReturnType<Plant['held']['open']>;
  /** What failed steps left. */
  readonly kept: KeptRoot[];
  /** Ids of cache mounts that steps without a cache have. */
  readonly renewed: Set<string>;
  /** Where every step is an image, as the classic builder has it. */
  readonly steps: StepImages | undefined;
}
