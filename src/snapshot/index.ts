export type { ActiveKey, ActiveSnapshot, Mount, SnapshotInfo, SnapshotName, Snapshots } from './types.ts';
