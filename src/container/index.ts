export type { ContainerOptions } from './containers.ts';
export { createContainers } from './containers.ts';
export { containerMigrations } from './migrations.ts';
export type { CgroupMode, RuntimeFacts } from './runtime.ts';
export { probeRuntime } from './runtime.ts';
export { createStepExecutor } from './step.ts';
export type {
  Attachment,
  Container,
  ContainerConfig,
  ContainerEvent,
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
  StepMount,
} from './types.ts';
