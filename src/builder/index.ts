export { createBuilder } from './builder.ts';
export { buildMigrations } from './cache/migrations.ts';
export type { KeptRoot } from './ops/failed-step.ts';
export { FailedStep } from './ops/failed-step.ts';
export type { BuilderParts } from './plant.ts';
export { checkAlone } from './reports/check-alone.ts';
export type { Builder, BuildOptions, CacheRecord, ClientBlobs } from './types.ts';
