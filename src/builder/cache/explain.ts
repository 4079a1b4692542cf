import { readJson } from '../../db/index.ts';
import type { MissReason } from '../../progress/index.ts';
import type { Records, StepRow } from './records.ts';

export interface Missed {
  readonly noCache: boolean;
  /** Whether the root that the step works on was made in this build. */
  readonly parentRan: boolean;
  readonly step: Omit<StepRow, 'result' | 'key' | 'manifest'> & {
    readonly key?: string;
    readonly manifest?: string | null;
  };
}

/** Most paths named. */
const mostPaths = 20;

/** Says which input of a step is another one than before, in the order in which a person would look. */
export function explainMiss(records: Records, { noCache, parentRan, step }: Missed): MissReason {
  if (noCache) return { code: 'no_cache', text: 'The cache is not used for this step (--no-cache).' };
  if (step.key !== undefined && records.isAbsent(step.key)) {
    return {
      code: 'layers_absent',
      text: 'The result is known from a cache that was brought in without its layers, and a later step needs them.',
    };
  }
  if (step.key !== undefined && records.stepByKey(step.key)) {
    return {
      code: 'pruned',
      text: 'The step ran before with the same inputs, but its result was removed from the cache.',
    };
  }
  const sameBase = records.stepByDefinition(step.definition, step.base);
  if (sameBase && step.content !== '' && sameBase.content !== step.content)
    return filesChanged(sameBase, step.manifest);
  const before = records.stepBySlot(step.slot);
  if (before && before.definition !== step.definition && !parentRan) {
    return {
      code: 'instruction_changed',
      text:
        before.instruction === step.instruction
          ? 'What the instruction depends on changed (an argument, a variable, the user or the working directory).'
          : `The instruction changed; it was: ${before.instruction}`,
    };
  }
  if (records.stepByDefinition(step.definition) ?? before) {
    return parentRan
      ? { code: 'parent_changed', text: 'A step that this one builds on ran again and gave another result.' }
      : { code: 'parent_changed', text: 'What this step builds on is another one than before (a new base image?).' };
  }
  return { code: 'first_build', text: 'The step was never run before.' };
}

function filesChanged(before: StepRow, manifest: string | null | undefined): MissReason {
  const paths = before.manifest && manifest ? changedPaths(before.manifest, manifest) : [];
  const shown = paths.slice(0, mostPaths);
  const more = paths.length > shown.length ? ` and ${paths.length - shown.length} more` : '';
  return {
    code: 'files_changed',
    text:
      shown.length === 0
        ? 'Files that it works with changed.'
        : `Files that it copies changed: ${shown.join(', ')}${more}.`,
    ...(shown.length > 0 && { paths: shown }),
  };
}

function changedPaths(before: string, after: string): string[] {
  const [old, now] = [before, after].map((text) => readJson<Record<string, string>>(text) ?? {}) as [
    Partial<Record<string, string>>,
    Partial<Record<string, string>>,
  ];
  const all = new Set([...Object.keys(old), ...Object.keys(now)]);
  return [...all].filter((path) => old[path] !== now[path]).sort();
}
