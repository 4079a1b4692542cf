export type { Volume, Volumes } from './types.ts';
