export type {
  ExtractOptions,
  LayerMeasure,
  Layers,
  PackedBlob,
  PackOptions,
  UnpackLimits,
  UnpackOptions,
} from './types.ts';
