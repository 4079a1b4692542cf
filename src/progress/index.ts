export type { ClassicOptions, ClassicRenderer } from './classic.ts';
export { classicResult, createClassicRenderer, renderClassic } from './classic.ts';
export type {
  BuildEvent,
  MissReason,
  Progress,
  TransferEvent,
  VertexKind,
} from './events.ts';
export { placeText } from './place-text.ts';
export type { PlainOptions, PlainRenderer } from './plain.ts';
export { createPlainRenderer } from './plain.ts';
export { createQuietRenderer } from './quiet.ts';
export { createRawJsonRenderer } from './rawjson.ts';
export type { BuildRenderer } from './renderer.ts';
export type { TtyOptions, TtyRenderer, TtySize } from './tty.ts';
export { createTtyRenderer } from './tty.ts';
export { formatBytes } from './units.ts';
export type { WarningParts } from './warnings.ts';
export { readsDefinition, warningParts } from './warnings.ts';
