import type { Instruction } from '../../dockerfile/index.ts';

/** What the comment lines in front of an instruction say of `name`: `# name is the thing`. */
export function commentFor(instruction: Instruction, name: string): string {
  if (name === '') return '';
  const line = instruction.node?.comments.find((comment) => comment.startsWith(`${name} `));
  return line === undefined ? '' : line.slice(name.length + 1);
}
