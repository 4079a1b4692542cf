export type { HistoryRow, Image, ImageFilter, Images, ImageUse, NewImage, RemovedImage } from './types.ts';
