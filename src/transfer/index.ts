export { transferMigrations } from './migrations.ts';
export { createTransfers } from './transfers.ts';
export type { TransferParts, Transfers } from './types.ts';
