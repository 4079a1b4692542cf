import type { Dockerfile } from '../../dockerfile/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import { findNamedContext } from '../contexts/named.ts';
import { baseReference } from './externals.ts';
import { at } from './locate.ts';
import type { Scope } from './scope.ts';
import { findTarget, readStages, refuseCycles, refuseLaterStages, type StageNode } from './stages.ts';

/**
 * The stages of a file and the one that is asked for, after all that is wrong with them is refused that the text alone
 * tells. `reach`: the stages whose instructions are looked at, those that the target needs or all.
 */
export function verifiedStages(
  dockerfile: Dockerfile,
  globals: Scope,
  request: BuildRequest,
  reach: 'target' | 'all' = 'target',
): { readonly nodes: readonly StageNode[]; readonly target: StageNode } {
  const nodes = readStages(dockerfile, globals);
  const target = findTarget(nodes, request.target);
  refuseCycles(dockerfile, nodes);
  for (const { base, stage } of nodes) {
    if (base.kind !== 'external' || findNamedContext(request, base.name)) continue;
    at(dockerfile, stage.from.location, () => baseReference(base.name));
  }
  refuseLaterStages(dockerfile, nodes, reach === 'target' ? target : undefined);
  return { nodes, target };
}
