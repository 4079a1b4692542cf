export type { EngineOptions, RunningEngine } from './compose.ts';
export { createEngine } from './compose.ts';
export { defaultConfig, defaultConfigFile, loadConfig, mergeConfig } from './config.ts';
export { containerEvent, mountEvents, networkEvent } from './publish.ts';
export type { Engine, EngineConfig, EngineEvent } from './types.ts';
export { version } from './version.ts';
