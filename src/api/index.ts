export { createApi } from './api.ts';
export type { Api, ApiBackend, ListenOptions } from './types.ts';
export { before } from './version.ts';
