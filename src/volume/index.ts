export type { Volume, Volumes } from './types.ts';
export { createVolumes, volumeMigrations } from './volumes.ts';
