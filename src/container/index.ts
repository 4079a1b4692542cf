export type { CgroupMode } from './cgroups.ts';
export type { ContainerOptions } from './containers.ts';
export { createContainers } from './containers.ts';
export { logDetails } from './log-details.ts';
export { containerMigrations } from './migrations.ts';
export type { RuntimeFacts } from './runtime.ts';
export { probeRuntime } from './runtime.ts';
export { createStepExecutor } from './step.ts';
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
  Step,
  StepExecutor,
  StepLimits,
  StepMount,
} from './types.ts';
