export { resolveOwner, resolveUser } from './resolve.ts';
export type { ResolvedUser } from './types.ts';
