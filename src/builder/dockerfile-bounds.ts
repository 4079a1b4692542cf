import { documentText } from '../db/index.ts';
import { type Dockerfile, stageDependencies } from '../dockerfile/index.ts';
import { StrataError } from '../errors/index.ts';

/** Of a whole file, in all its stages. */
const mostInstructions = 10_000;
/**
 * Of those that build on each other, through FROM and files of other stages: the solver calls itself from step to step, and each
 * makes a configuration of all that came before it. An image has 127 layers, and more is said of it in one LABEL or ENV.
 */
const longestChain = 1000;

export function refuseManyInstructions({ stages }: Pick<Dockerfile, 'stages'>): void {
  const count = stages.reduce((sum, { instructions }) => sum + 1 + instructions.length, 0);
  if (count > mostInstructions) refuse(`${count} instructions, at most ${mostInstructions} are taken`);
  const chains: number[] = [];
  for (const stage of stages) {
    const below = stageDependencies(stage).map(({ name }) => chainOf(name, stages, chains));
    chains.push(Math.max(0, ...below) + 1 + stage.instructions.length);
  }
  const chain = Math.max(0, ...chains);
  if (chain > longestChain) refuse(`${chain} instructions that build on each other, at most ${longestChain} are taken`);
}

/** The longest chain that ends in the stage of that name; a name with variables may be any stage. */
function chainOf(name: string, stages: Dockerfile['stages'], chains: readonly number[]): number {
  if (name.includes('$')) return Math.max(0, ...chains);
  const index = /^\d+$/.test(name)
    ? Number(name)
    : stages.findLastIndex((one, at) => at < chains.length && one.name === name.toLowerCase());
  return chains[index] ?? 0;
}

function refuse(why: string): never {
  throw new StrataError('invalid_argument', `the Dockerfile is too large: ${why}`, {
    code: 'dockerfile_too_large',
    hint: 'set several labels or variables in one instruction',
  });
}

/** Each step has them among its variables, and the kernel takes 128 KiB for one. */
export function refuseLongArguments(buildArgs: Readonly<Record<string, string | null>> = {}): void {
  documentText('the list of build arguments', buildArgs);
}
