import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors/index.ts';
import { readExitCode } from './exit-watch.ts';
import type { ContainerParts } from './parts.ts';
import { hasProcess, timestamp } from './record.ts';
import type { Removal } from './removal.ts';
import { shouldRestart } from './restart-policy.ts';
import type { Restarts } from './restarts.ts';
import type { Runs } from './run.ts';
import type { Container } from './types.ts';

export interface EndParts {
  readonly runs: Pick<Runs, 'startNow' | 'release'>;
  readonly restarts: Restarts;
  readonly removal: Pick<Removal, 'removeRow'>;
  readonly health: { end(id: string): void };
  readonly execs: { ended(id: string): void };
  /** Whether somebody restarts it by hand just now. */
  readonly isRestarted: (id: string) => boolean;
}

/** What follows from the end of a container's process, in the container's turn. */
export function createEnd(
  parts: ContainerParts,
  { runs, restarts, removal, health, execs, isRestarted }: EndParts,
): (id: string) => Promise<void> {
  const { store, runtime, emit, log } = parts;
  const { bundleOf, exitDir } = parts.places;

  /** The process of a container is gone: everything that follows from it. */
  async function ended(id: string): Promise<void> {
    const record = store.find(id);
    if (!record || !hasProcess(record)) return;
    // Without a word from conmon nobody knows how it ended.
    const unknown = 255;
    const exitCode = readExitCode(exitDir, id) ?? unknown;
    const ranForMs = Date.now() - Date.parse(record.state.startedAt);
    health.end(id);
    // What wait and attach look for must not wait for the tidying up. Nor is it over for a moment where it starts again.
    store.changeState(id, {
      status: !restarts.isClosed() && shouldRestart(record, exitCode) ? 'restarting' : 'exited',
      pid: 0,
      exitCode,
      oomKilled: wasOutOfMemory(bundleOf(id)),
      finishedAt: timestamp(),
    });
    const attributes = { exitCode: String(exitCode), execDuration: String(Math.round(ranForMs / 1000)) };
    if (store.find(id)!.state.oomKilled) emit('oom', store.find(id)!);
    emit('die', store.find(id)!, attributes);
    await runtime('delete', '--force', id);
    await runs
      .release(id)
      .catch((error: unknown) => log(`cannot tidy up after container ${record.name}: ${messageOf(error)}`));
    rmSync(join(exitDir, id), { force: true });
    execs.ended(id);
    const now = store.change(id, { ports: {}, networks: withoutAddresses(record.networks) });
    if (!now) return;
    if (!restarts.isClosed() && shouldRestart(now, exitCode)) restarts.schedule(id, ranForMs, runs.startNow);
    else if (now.host.AutoRemove && !isRestarted(id)) await removal.removeRow(id, true);
  }

  return ended;
}

/** conmon leaves a file of this name. */
function wasOutOfMemory(bundle: string): boolean {
  return existsSync(join(bundle, 'oom'));
}

/** What a container keeps of its networks between two runs. */
function withoutAddresses(networks: Container['networks']): Container['networks'] {
  const none = { IPAddress: '', IPPrefixLen: 0, Gateway: '', MacAddress: '', EndpointID: '' };
  return Object.fromEntries(Object.entries(networks).map(([name, settings]) => [name, { ...settings, ...none }]));
}
