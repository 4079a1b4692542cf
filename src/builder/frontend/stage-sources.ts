import type { TextRange } from '../../dockerfile/index.ts';
import type { BuildVertex } from './plan.ts';
import type { FrontendSettings } from './settings.ts';

/** What a single instruction needs to know of the stages and contexts around it. */
export interface StageSources {
  readonly settings: FrontendSettings;
  /** What `COPY --from` names. */
  source(from: string): Promise<BuildVertex>;
  /** What the `from` of a mount names: stages go by name only. */
  mountSource(from: string): Promise<BuildVertex>;
  /** Parts of contexts that mounts need as roots. */
  readonly contextRoots: Map<string, BuildVertex>;
  /** What instructions read of the context: paths, which may hold wildcards. */
  readonly contextReads: string[];
  /** Paths of the context that instructions name. */
  readonly contextPaths: { readonly path: string; readonly range: TextRange }[];
}
