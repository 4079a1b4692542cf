export { answerError, isDaemonAnswer } from './answer-error.ts';
export type { FailedStepSummary, StrataCalls } from './builds.ts';
export type { Client } from './client.ts';
export { createClient } from './client.ts';
export type { AttachOptions, ContainerCalls, ExecConfig, LogOptions } from './containers.ts';
export type { Frame } from './demultiplex.ts';
export { demultiplex } from './demultiplex.ts';
export type { Endpoint, TlsFiles } from './endpoint.ts';
export { formatEndpoint, parseEndpoint } from './endpoint.ts';
export { parseExactJson } from './exact-json.ts';
export type { ImageCalls } from './images.ts';
export { readLines } from './lines.ts';
export type { NetworkCalls } from './networks.ts';
export type { StartOptions } from './start-daemon.ts';
export { answersAt, ensureDaemon } from './start-daemon.ts';
export type { SystemCalls } from './system.ts';
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
} from './types.ts';
export type { VolumeCalls } from './volumes.ts';
export { apiVersion } from './wire.ts';
