export { createContainers } from './containers.ts';
export { containerMigrations } from './migrations.ts';
export { logDetails } from './output/log-details.ts';
export type { ContainerOptions } from './parts.ts';
export { isRunning } from './record.ts';
export { assertAllowed } from './transitions.ts';
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
