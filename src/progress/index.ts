export type { ClassicOptions, ClassicRenderer } from './classic.ts';
export { classicResult, createClassicRenderer, renderClassic } from './classic.ts';
export type {
  BuildEvent,
  MissReason,
  Progress,
  TransferEvent,
  VertexKind,
} from './events.ts';
