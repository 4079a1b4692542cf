import type { Platform } from '../oci/index.ts';
import type { CompiledStage } from './frontend/plan.ts';
import type { RootValue } from './value.ts';

/** One platform of a build, ready to be exported. */
export interface BuiltStage {
  readonly stage: CompiledStage;
  readonly root: RootValue;
  readonly platform: Platform;
}
