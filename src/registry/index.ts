export type { Credentials, RegistryClient, RegistryOptions, TransferParts, Transfers } from './types.ts';
