import { createFailedSteps } from './failed-steps.ts';
import type { BuildRenderer } from './renderer.ts';

/** Says nothing, unless a step fails: then its last lines, for without them nobody knows why. */
export function createQuietRenderer(): BuildRenderer {
  const failures = createFailedSteps();
  return {
    push(event) {
      failures.push(event);
      return '';
    },
    end: () => failures.text(),
  };
}
