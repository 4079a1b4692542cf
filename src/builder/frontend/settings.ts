import type { Dockerfile } from '../../dockerfile/index.ts';
import type { Platform } from '../../oci/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import type { ExecSecrets } from '../ops/exec-spec.ts';
import type { KeptRoot } from '../ops/failed-step.ts';
import type { Workshop } from '../ops/workshop.ts';
import type { Allowed } from '../source-policy.ts';
import type { BuildVertex, External } from './plan.ts';
import type { Scope } from './scope.ts';

/** What reading the stages of one build for one platform depends on. */
export interface FrontendSettings {
  readonly shop: Workshop;
  readonly dockerfile: Dockerfile;
  readonly request: BuildRequest;
  /** Build arguments that have a value. */
  readonly given: Readonly<Record<string, string>>;
  /** Arguments in front of the first FROM, and the built-in ones. */
  readonly globals: Scope;
  readonly targetPlatform: Platform;
  readonly buildPlatform: Platform;
  /** Shown in step names when several platforms are built. */
  readonly platformLabel: string;
  /** SOURCE_DATE_EPOCH, Unix seconds. */
  readonly epoch: number | undefined;
  readonly secrets: ExecSecrets;
  /** Names this Dockerfile from build to build. */
  readonly project: string;
  /** What the source policies say. */
  readonly allowed: Allowed;
  readonly context: () => BuildVertex;
  /** Whether a named context is called so: it takes the place of a stage of that name. */
  readonly isContext: (name: string) => boolean;
  /** Finds or pulls an image, or opens a named context. */
  readonly external: (name: string, platform: Platform) => Promise<External>;
  /** Takes the ids of cache mounts that are to be empty. */
  readonly renewed: Set<string>;
  /** A new id for a vertex. */
  readonly vertexID: () => string;
  /** Takes what a failed RUN leaves. */
  readonly keep?: (kept: KeptRoot) => void;
}
