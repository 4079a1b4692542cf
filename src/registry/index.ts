export { chooseManifest } from './choose-manifest.ts';
export type { RegistryClientOptions } from './client.ts';
export { createRegistryClient } from './client.ts';
export type { Document } from './document.ts';
export { parseDocument } from './document.ts';
export { registryErrorCodes } from './error-table.ts';
export { checkImageManifest, parseImageConfig } from './image-manifest.ts';
export { limits } from './limits.ts';
export type { ListMember, ManifestLists } from './manifest-lists.ts';
export { createManifestLists } from './manifest-lists.ts';
export { networkError } from './network-error.ts';
export type { Proxies } from './proxies.ts';
export { proxiesOf } from './proxies.ts';
export { readBody } from './read-body.ts';
export type { RemoteDocument } from './remote-image.ts';
export { inspectRemote } from './remote-image.ts';
export { serverHost } from './server-address.ts';
export { pause } from './transport.ts';
export type {
  Credentials,
  Registry,
  RegistryClient,
  RegistryOptions,
  RegistryWriter,
  RequestOptions,
  SearchResult,
  UploadSource,
} from './types.ts';
