export type { Engine, EngineConfig, EngineEvent } from './types.ts';
