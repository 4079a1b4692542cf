import { documentText } from '../db/index.ts';
import type { Dockerfile } from '../dockerfile/index.ts';
import { StrataError } from '../errors/index.ts';

/** An image has 127 layers, and more is said of it in one LABEL or ENV. The solver calls itself from step to step. */
const mostInstructions = 1000;

/** Each instruction makes a configuration of all that came before it. */
export function refuseManyInstructions({ stages }: Pick<Dockerfile, 'stages'>): void {
  const count = stages.reduce((sum, { instructions }) => sum + 1 + instructions.length, 0);
  if (count <= mostInstructions) return;
  throw new StrataError(
    'invalid_argument',
    `the Dockerfile is too large: ${count} instructions, at most ${mostInstructions} are taken`,
    { code: 'dockerfile_too_large', hint: 'set several labels or variables in one instruction' },
  );
}

/** Each step has them among its variables, and the kernel takes 128 KiB for one. */
export function refuseLongArguments(buildArgs: Readonly<Record<string, string | null>> = {}): void {
  documentText('the list of build arguments', buildArgs);
}
