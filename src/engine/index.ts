export { commitContainer } from './commit.ts';
export type { EngineOptions, RunningEngine } from './compose.ts';
export { createEngine } from './compose.ts';
export { defaultConfig, defaultConfigFile, loadConfig, mergeConfig } from './config.ts';
export { openFailedStep, sweepFailedSteps } from './failed-step-shell.ts';
export { countUses, usesOf } from './image-uses.ts';
export {
  containerEvent,
  mountEvents,
  networkEvent,
  publishBuilt,
  publishImage,
  publishNetwork,
} from './publish-events.ts';
export type { Engine, EngineConfig, EngineEvent } from './types.ts';
export { version } from './version.ts';
export { volumeUsers } from './volume-uses.ts';
