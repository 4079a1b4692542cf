export type { RegistryClientOptions } from './client.ts';
export { createRegistryClient } from './client.ts';
export type { Proxies } from './dispatchers.ts';
export type { Document } from './document.ts';
export { parseDocument } from './document.ts';
export { registryErrorCodes } from './error-table.ts';
export { registryMigrations } from './migrations.ts';
export { createTransfers } from './transfers.ts';
export type {
  Credentials,
  Registry,
  RegistryClient,
  RegistryOptions,
  RegistryWriter,
  RequestOptions,
  SearchResult,
  TransferParts,
  Transfers,
} from './types.ts';
export type { UploadSource } from './upload.ts';
