export type {
  CacheRecordSummary,
  Change,
  ContainerInspect,
  ContainerStats,
  ContainerSummary,
  CpuStats,
  CreatedContainer,
  DaemonStatus,
  DeletedImage,
  DiskUsage,
  EventMessage,
  Filters,
  HistoryItem,
  ImageSummary,
  NetworkSummary,
  PathStat,
  PortSummary,
  ProgressMessage,
  RegistryCredentials,
  SearchHit,
  ServerVersion,
  VolumeSummary,
  Waited,
} from './answers.ts';
export type {
  BuildRequest,
  BuildResult,
  ContextSource,
  NamedContext,
  OutputSpec,
  SourcePolicy,
  SourceRule,
} from './build.ts';
export type { Frame } from './demultiplex.ts';
export { demultiplex } from './demultiplex.ts';
export { framer } from './multiplex.ts';
