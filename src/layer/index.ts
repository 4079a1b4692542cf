export { isArchiveFile } from './archive-file.ts';
export { decompress, detectCompression } from './decompress.ts';
export type { LayersOptions } from './layers.ts';
export { createLayers } from './layers.ts';
export type { NewTarHeader, TarHeader, TarType } from './tar-header.ts';
export type { TarEntry } from './tar-read.ts';
export { readTar } from './tar-read.ts';
export type { NewTarEntry } from './tar-write.ts';
export { tarEnd, tarHeader, tarPadding, writeTar } from './tar-write.ts';
export { transformed } from './transformed.ts';
export { archiveTree } from './tree-archive.ts';
export type {
  ExtractOptions,
  LayerFile,
  LayerMeasure,
  LayerSource,
  Layers,
  PackedBlob,
  PackOptions,
  Unpacked,
  UnpackLimits,
  UnpackOptions,
} from './types.ts';
