export {
  allCredentials,
  eraseCredentials,
  resolveCredentials,
  storeCredentials,
  unencryptedWarning,
} from './credential-store.ts';
export type { DockerConfig } from './docker-config.ts';
export { loadDockerConfig, saveDockerConfig } from './docker-config.ts';
