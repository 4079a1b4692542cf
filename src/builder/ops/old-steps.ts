import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { mountsBelow, unmount } from '../../sys/index.ts';

/** Takes away what the steps of an earlier process left mounted in `scratch`: secrets among it. */
export function endOldSteps(scratch: string): void {
  const isStep = (target: string) => target.startsWith(`${scratch}/step-`);
  for (const target of mountsBelow(scratch).filter(isStep)) unmount(target, { detach: true });
  for (const name of readdirSync(scratch)) {
    try {
      if (name.startsWith('step-')) rmdirSync(join(scratch, name));
    } catch {
      // What is not empty is no folder of a step any more.
    }
  }
}
