import type { AstNode } from './types.ts';

/**
 * What the comment in front of a stage or argument says about it: the rest of the first comment line that begins with
 * its name. Shown by the outline and the list of targets.
 */
export function descriptionOf(node: Pick<AstNode, 'comments'> | undefined, name: string): string {
  if (!node || name === '') return '';
  return node.comments.find((comment) => comment.startsWith(`${name} `))?.slice(name.length + 1) ?? '';
}
