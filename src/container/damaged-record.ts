import type { ActiveKey } from '../snapshot/index.ts';
import { type ContainerRecord, freshState, never } from './record.ts';

/** What is left of a container whose record cannot be read: enough to be listed, and to be removed. */
export function damagedRecord(row: {
  readonly id: string;
  readonly name: string;
  readonly snapshot: string;
}): ContainerRecord {
  return {
    id: row.id,
    name: row.name,
    created: never,
    imageID: null,
    config: { Labels: {} },
    host: {},
    state: { ...freshState, status: 'dead', exitCode: 255, error: 'its record is damaged: remove it with rm' },
    restartCount: 0,
    path: '',
    args: [],
    snapshot: row.snapshot as ActiveKey,
    networks: {},
    ports: {},
    mounts: [],
    logPath: '',
    runs: 0,
    startTicks: '',
    stopped: true,
    anonymousVolumes: [],
  };
}
