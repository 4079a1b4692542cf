import type { Op } from '../solver/vertex.ts';
import type { Value } from '../value.ts';

/** An instruction that changes no file: its result is what it is given. */
export const passingOp: Op<Value> = {
  waits: false,
  key: () => null,
  async lookup([input]) {
    if (!input) return undefined;
    return { result: input, ...(input.id !== undefined && { show: input.id.slice(0, 12) }) };
  },
  async run() {
    throw new Error('a passing step has nothing to run');
  },
};

/** A step whose result is known before the build starts. */
export function knownOp(value: Value): Op<Value> {
  return {
    ...passingOp,
    lookup: async () => ({ result: value, ...(value.id !== undefined && { show: value.id.slice(0, 12) }) }),
  };
}
