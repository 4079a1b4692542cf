export { snapshotMigrations } from './migrations.ts';
export type { SnapshotOptions } from './snapshots.ts';
export { createSnapshots } from './snapshots.ts';
export type { ActiveKey, ActiveSnapshot, Mount, SnapshotInfo, SnapshotName, Snapshots } from './types.ts';
