export type { ChainID, DiffID, Digest } from './digest.ts';
export { algorithm, chainID, chainIDs, encoded, isDigest, parseDigest, sha256 } from './digest.ts';
export { noBool, parseBool } from './go-bool.ts';
export type { Compression } from './media-types.ts';
export { isIndexType, isManifestType, layerCompression, mediaTypes } from './media-types.ts';
export { detectedPlatform, formatPlatform, hostPlatform, parsePlatform, platformMatches } from './platform.ts';
export type { Reference } from './reference.ts';
export {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  repositoryName,
  withDefaultTag,
} from './reference.ts';
export { isSignal, parseSignal } from './signal.ts';
export type {
  Descriptor,
  Healthcheck,
  HistoryEntry,
  ImageConfig,
  Index,
  Manifest,
  Platform,
  RuntimeConfig,
} from './types.ts';
