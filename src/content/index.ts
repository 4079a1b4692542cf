export type { BlobInfo, ByteStream, ContentStore, Fetcher, Ingest } from './types.ts';
