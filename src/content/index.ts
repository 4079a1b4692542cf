export type { ContentOptions } from './disk.ts';
export { createContentStore } from './disk.ts';
export type { BlobInfo, ByteStream, ContentStore, Fetcher, Ingest } from './types.ts';
export { verified } from './verify.ts';
