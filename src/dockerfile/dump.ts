import { quote } from './go-text.ts';
import type { AstNode } from './types.ts';

/** The syntax tree as s-expressions, one line an instruction: the notation of the reference's own parser tests. */
export function dumpAst(ast: readonly AstNode[]): string {
  return ast.map((node) => `(${dumpNode(node)})`).join('\n');
}

function dumpNode(node: AstNode): string {
  const flags = node.flags.length === 0 ? '' : ` [${node.flags.map((flag) => quote(flag.text)).join(' ')}]`;
  const child = node.child ? ` (${dumpNode(node.child)})` : '';
  const args = node.args.map((arg) => ` ${quote(arg.text)}`).join('');
  return `${node.keyword.text.toLowerCase()}${flags}${child}${args}`.trim();
}
