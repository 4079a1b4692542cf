import { digestOf, stepKey } from '../cache/keys.ts';
import type { Op, Outcome } from '../solver/vertex.ts';
import { rootOf, type Value } from '../value.ts';
import { resolveOwner } from './owner.ts';
import { baseOf, found, keepResult, type StepIdentity, targetLayers, tellMiss, withActive } from './root-step.ts';
import type { Workshop } from './workshop.ts';

export interface MkdirSpec {
  /** Absolute. */
  readonly path: string;
  /** `user[:group]`: owns what has to be made. */
  readonly user?: string;
  readonly epoch?: number;
}

/** WORKDIR: a folder with its parents, and a layer even where it was there. */
export function mkdirOp(
  shop: Workshop,
  spec: MkdirSpec,
  identity: Omit<StepIdentity, 'definition' | 'type'>,
): Op<Value> {
  const step: StepIdentity = { ...identity, type: 'regular', definition: digestOf(['mkdir', spec]) };
  return {
    waits: false,
    key: (inputs) => (step.noCache ? null : stepKey(step.definition, baseOf(inputs), '')),
    async lookup(inputs) {
      const hit = step.noCache ? undefined : shop.records.findName(stepKey(step.definition, baseOf(inputs), ''));
      return hit && found(hit);
    },
    async run(inputs, work): Promise<Outcome<Value>> {
      const parent = rootOf(inputs[0]);
      tellMiss(shop, step, { base: parent.id, parentRan: parent.fresh }, work);
      const made = await withActive(shop, parent, async (active) => {
        const layers = targetLayers(shop, active);
        const owner = spec.user === undefined ? {} : { owner: await resolveOwner(shop, spec.user, layers, work) };
        const epoch = spec.epoch === undefined ? {} : { epoch: spec.epoch };
        await shop.files.run({ kind: 'mkdir', target: { ...layers, path: spec.path }, ...owner, ...epoch }, work);
        return keepResult(shop, step, active, { base: parent.id, parents: [parent.id] });
      });
      return found(made);
    },
  };
}
