export type { ContainerOptions } from './containers.ts';
export { createContainers } from './containers.ts';
export { logDetails } from './log-details.ts';
export { containerMigrations } from './migrations.ts';
export type {
  Attachment,
  Container,
  ContainerConfig,
  ContainerEvent,
  ContainerImage,
  ContainerState,
  ContainerStatus,
  Containers,
  CreateContainer,
  ExecConfig,
  ExecState,
  HostConfig,
  LogChunk,
  LogOptions,
  MountSpec,
} from './types.ts';
