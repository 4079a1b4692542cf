export type {
  BuildEvent,
  MissReason,
  Progress,
  TransferEvent,
  VertexKind,
} from './events.ts';
