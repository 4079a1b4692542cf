import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { resourcesOf, resourceWarnings, sharesProblem } from '../runtime/index.ts';
import type { ContainerParts } from './parts.ts';
import { hasProcess } from './record.ts';
import { checkUpdate } from './request/check-host.ts';
import { liftLimits } from './request/lift-limits.ts';
import { changesOf, checkAgainst, runningLimits } from './request/update-checks.ts';
import type { Containers } from './types.ts';

/** Changes the limits of a container; what runs has them at once. Answers with what this host cannot do of them. */
export function createUpdate({ store, runtime, facts, emit, places }: ContainerParts): Containers['update'] {
  return async (ref, given) => {
    checkUpdate(given, facts());
    const changes = changesOf(given);
    const record = store.get(ref);
    const host = { ...record.host, ...changes };
    checkAgainst(record, changes);
    const shares = hasProcess(record) ? sharesProblem(changes, facts().cgroups) : undefined;
    if (shares !== undefined)
      throw new StrataError('invalid_argument', `Cannot update container ${record.id}: ${shares}`);
    if (hasProcess(record)) {
      const resources = join(places.bundleOf(record.id), 'resources.json');
      await writeFile(resources, JSON.stringify(resourcesOf(runningLimits(host, changes), facts())));
      const { code, stderr } = await runtime('update', '--resources', resources, record.id);
      if (code !== 0) throw new StrataError('internal', `Cannot update container ${record.id}: ${stderr.trim()}`);
      liftLimits(record.state.pid, changes);
    }
    emit('update', store.change(record.id, { host })!);
    return resourceWarnings(changes, facts());
  };
}
