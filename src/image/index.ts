export { matchGlob } from './glob.ts';
export type { ImageOptions } from './images.ts';
export { createImages } from './images.ts';
export { imageMigrations } from './migrations.ts';
export type {
  HistoryRow,
  Image,
  ImageFilter,
  Images,
  ImageUse,
  LoadedImage,
  NewImage,
  RemovedImage,
} from './types.ts';
