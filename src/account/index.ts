export type { ResolvedUser } from './types.ts';
