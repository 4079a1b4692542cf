import { digestOf } from '../cache/keys.ts';
import { copyOp } from '../ops/copy.ts';
import type { Identity } from '../ops/root-step.ts';
import { emptyRoot } from './empty-root.ts';
import { knownOp } from './passing.ts';
import type { BuildVertex } from './plan.ts';
import type { StageSources } from './stage-sources.ts';

/** Where the files of a context stand in the root that is made for a mount of them. */
export const placed = '/context';

/**
 * Files of a context as a root of their own, for mounts and for a FROM: a step sees them with their owners reset and
 * without what is ignored, and the folder of the user is out of its reach.
 */
export function contextRoot(around: StageSources, tree: BuildVertex, path: string, dest: string): BuildVertex {
  const { shop, vertexID, project } = around.settings;
  const known = around.contextRoots.get(`${tree.event.id} ${path} ${dest}`);
  if (known) return known;
  const selection = { path, wildcards: false, follow: true };
  const spec = { actions: [{ input: 1, selection, contentsOnly: true, unpack: false }], dest };
  const name = `[internal] files of the context: ${path}`;
  const identity: Identity & { type: 'source.local' } = {
    slot: digestOf([project, 'context', path, dest]),
    instruction: name,
    description: name,
    noCache: false,
    type: 'source.local',
  };
  const empty: BuildVertex = {
    event: { id: vertexID(), kind: 'internal', name: '[internal] empty root' },
    inputs: [],
    op: knownOp(emptyRoot),
  };
  const vertex: BuildVertex = {
    event: { id: vertexID(), kind: 'internal', name },
    inputs: [empty, tree],
    op: copyOp(shop, spec, identity),
  };
  around.contextRoots.set(`${tree.event.id} ${path} ${dest}`, vertex);
  return vertex;
}
