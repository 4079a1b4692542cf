import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { unmount } from '../../sys/index.ts';

/** Takes away what the steps of an earlier process left mounted in `scratch`: secrets among it. */
export function endOldSteps(scratch: string): void {
  const targets = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_, digits) => unescaped(digits)) ?? '')
    .filter((target) => target.startsWith(`${scratch}/step-`));
  for (const target of targets.reverse()) unmount(target, { detach: true });
  for (const name of readdirSync(scratch)) {
    try {
      if (name.startsWith('step-')) rmdirSync(join(scratch, name));
    } catch {
      // What is not empty is no folder of a step any more.
    }
  }
}

/** proc(5) writes blanks, tabs, line ends and backslashes of paths as three octal digits. */
function unescaped(digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 8));
}
