/** The syntax tree of a template (Go's text/template). `at` is a position in the text, for messages. */

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'with';
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | { readonly kind: 'range'; readonly pipe: Pipe; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }
  | { readonly kind: 'break' | 'continue' };

export interface Pipe {
  readonly kind: 'pipe';
  readonly at: number;
  /** Variables that it sets, with their `$`. */
  readonly variables: readonly string[];
  /** It sets variables that are there already (`=`, not `:=`). */
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

export type Operand =
  | { readonly kind: 'dot'; readonly at: number }
  | { readonly kind: 'nil'; readonly at: number }
  | { readonly kind: 'literal'; readonly at: number; readonly text: string; readonly value: string | number | boolean }
  | { readonly kind: 'function'; readonly at: number; readonly name: string }
  /** `.A.B` */
  | { readonly kind: 'field'; readonly at: number; readonly path: readonly string[] }
  /** `$x.A` */
  | { readonly kind: 'variable'; readonly at: number; readonly name: string; readonly path: readonly string[] }
  /** `(pipe).A` */
  | { readonly kind: 'chain'; readonly at: number; readonly pipe: Pipe; readonly path: readonly string[] };

export class TemplateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TemplateError';
  }
}

/** An operand as it was written, as far as messages show it. */
export function written(operand: Operand | Pipe): string {
  switch (operand.kind) {
    case 'dot':
      return '.';
    case 'nil':
      return 'nil';
    case 'literal':
      return operand.text;
    case 'function':
      return operand.name;
    case 'field':
      return operand.path.map((name) => `.${name}`).join('');
    case 'variable':
      return operand.name + operand.path.map((name) => `.${name}`).join('');
    case 'chain':
      return `(${written(operand.pipe)})${operand.path.map((name) => `.${name}`).join('')}`;
    case 'pipe':
      return operand.commands.map((command) => command.map(written).join(' ')).join(' | ');
  }
}
