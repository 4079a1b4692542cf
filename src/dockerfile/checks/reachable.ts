import { findBaseStage, findStage, stageDependencies } from '../stage-dependencies.ts';
import type { Dockerfile } from '../types.ts';

/** Indexes of the stages that are followed: all, or what the target needs. */
export function reachableStages(
  dockerfile: Dockerfile,
  bases: readonly { readonly base: string }[],
  options: { readonly target?: string; readonly reachableOnly?: boolean },
): ReadonlySet<number> {
  const { stages } = dockerfile;
  const target = options.target === undefined ? stages.at(-1) : targetStageOf(dockerfile, options.target);
  if (!target || (options.target === undefined && !options.reachableOnly)) {
    return new Set(stages.map((stage) => stage.index));
  }
  const reached = new Set<number>();
  const open = [target.index];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (reached.has(index)) continue;
    reached.add(index);
    const parent = findBaseStage(dockerfile, bases[index]!.base, index);
    if (parent) open.push(parent.index);
    for (const { via, name } of stageDependencies(stages[index]!)) {
      const stage = via === 'from' ? undefined : findKnown(dockerfile, name);
      if (stage) open.push(stage.index);
    }
  }
  return reached;
}

function targetStageOf(dockerfile: Dockerfile, target: string) {
  return findKnown(dockerfile, target);
}

/** Indexes beyond the last stage are the build's error, not the check's. */
function findKnown(dockerfile: Dockerfile, name: string) {
  return /^\d+$/.test(name) ? dockerfile.stages[Number(name)] : findStage(dockerfile, name);
}
