import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Networks } from '../network/index.ts';
import { isAlive, readExitCode } from './exit-watch.ts';
import { type ContainerRecord, hasProcess } from './record.ts';
import { inOrderOfNeed } from './request/links.ts';
import type { ContainerStore } from './store.ts';

export interface RecoverParts {
  readonly store: ContainerStore;
  readonly networks: Networks;
  readonly exitDir: string;
  /** Bundles, by the first 16 digits of the id. */
  readonly stateDir: string;
  /** Folders of logs, by id. */
  readonly dataDir: string;
  /** A container that still runs is looked after again. */
  readonly begin: (id: string) => void;
  readonly ended: (id: string) => Promise<void>;
  readonly start: (id: string) => Promise<void>;
  readonly remove: (id: string) => Promise<void>;
  readonly bundleOf: (id: string) => string;
  /** Takes away what a run left. */
  readonly abandon: (ids: readonly string[]) => Promise<void>;
  readonly unmount: (target: string) => void;
  /** One that cannot be recovered is no reason not to have the others. */
  readonly failed: (id: string, error: unknown) => void;
}

/** After a daemon that stopped or was killed: containers go on, ends are told, what nobody owns is swept. */
export async function recoverContainers(parts: RecoverParts): Promise<void> {
  const records = parts.store.all();
  await parts.networks.recover(new Set(records.filter(hasProcess).map(({ id }) => id)));
  // A bundle without a process: the daemon was killed while it started or tidied up.
  const halfway = records.filter((record) => !hasProcess(record) && existsSync(parts.bundleOf(record.id)));
  await parts.abandon(halfway.map(({ id }) => id));
  sweep(parts, records);
  for (const record of inOrderOfNeed(records))
    await recoverOne(record, parts).catch((error: unknown) => parts.failed(record.id, error));
}

async function recoverOne(record: ContainerRecord, parts: RecoverParts): Promise<void> {
  const { id, state, host } = record;
  if (hasProcess(record)) {
    if (isAlive(record) && readExitCode(parts.exitDir, id) === undefined) parts.begin(id);
    else await parts.ended(id);
    return;
  }
  if (isToRunAgain(record)) {
    parts.store.changeState(id, { status: 'exited' });
    await parts.start(id).catch(() => undefined);
  } else if (host.AutoRemove && state.status === 'exited') await parts.remove(id);
}

/** `always` also after a stop by hand, as in Docker. */
function isToRunAgain({ state, host, stopped }: ContainerRecord): boolean {
  if (state.status === 'restarting') return true;
  const policy = host.RestartPolicy?.Name;
  return state.status === 'exited' && (policy === 'always' || (policy === 'unless-stopped' && !stopped));
}

function sweep({ stateDir, dataDir, unmount }: RecoverParts, records: readonly ContainerRecord[]): void {
  const bundles = new Set(records.map(({ id }) => id.slice(0, 16)));
  for (const name of readdirSync(stateDir).filter((one) => !bundles.has(one))) {
    for (const mount of ['rootfs', 'shm']) unmount(join(stateDir, name, mount));
    rmSync(join(stateDir, name), { recursive: true, force: true });
  }
  const folders = new Set(records.map(({ id }) => id));
  for (const name of readdirSync(dataDir).filter((one) => !folders.has(one)))
    rmSync(join(dataDir, name), { recursive: true, force: true });
}
