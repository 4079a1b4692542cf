import { type Node, type Operand, type Pipe, TemplateError, written } from './ast.ts';
import { lineAt } from './lex.ts';
import { goStruct, goType, isMap, isTrue, mapEntries, printValue, typeName } from './values.ts';

export type TemplateFunction = (...args: unknown[]) => unknown;
export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>;

export interface ExecuteOptions {
  readonly functions: TemplateFunctions;
  /** What a field means that a structure does not have; undefined if it cannot have it. */
  readonly omitted?: (name: string) => { readonly value: unknown } | undefined;
}

interface Scope {
  readonly dot: unknown;
  readonly variables: Map<string, unknown>[];
}

class LoopControl extends Error {
  readonly control: 'break' | 'continue';
  constructor(control: 'break' | 'continue') {
    super(control);
    this.control = control;
  }
}

export function executeTemplate(
  source: string,
  nodes: readonly Node[],
  data: unknown,
  options: ExecuteOptions,
): string {
  let out = '';
  const root = new Map<string, unknown>([['$', data]]);
  walk(nodes, { dot: data, variables: [root] });
  return out;

  function walk(list: readonly Node[], scope: Scope): void {
    for (const node of list) {
      switch (node.kind) {
        case 'text':
          out += node.text;
          break;
        case 'action': {
          const value = evaluatePipe(node.pipe, scope);
          if (node.pipe.variables.length === 0) out += printValue(value);
          break;
        }
        case 'if':
        case 'with': {
          const inner = nested(scope);
          const value = evaluatePipe(node.pipe, inner);
          if (!isTrue(value)) walk(node.otherwise, nested(scope));
          else walk(node.body, node.kind === 'with' ? { ...inner, dot: value } : inner);
          break;
        }
        case 'range':
          range(node, scope);
          break;
        case 'break':
        case 'continue':
          throw new LoopControl(node.kind);
      }
    }
  }

  function range(node: Extract<Node, { kind: 'range' }>, scope: Scope): void {
    const value = evaluatePipe({ ...node.pipe, variables: [] }, scope);
    const entries = entriesOf(value, node.pipe);
    if (entries.length === 0) walk(node.otherwise, nested(scope));
    for (const [key, one] of entries) {
      const inner = nested({ ...scope, dot: one });
      const { variables } = node.pipe;
      if (variables.length === 1) inner.variables.at(-1)!.set(variables[0]!, one);
      if (variables.length === 2) inner.variables.at(-1)!.set(variables[0]!, key).set(variables[1]!, one);
      try {
        walk(node.body, inner);
      } catch (error) {
        if (!(error instanceof LoopControl)) throw error;
        if (error.control === 'break') return;
      }
    }
  }

  function entriesOf(value: unknown, pipe: Pipe): readonly (readonly [unknown, unknown])[] {
    if (value === null || value === undefined) return [];
    if (Array.isArray(value)) return [...value.entries()];
    if (typeof value === 'number') return Array.from({ length: value }, (_, index) => [index, index] as const);
    if (isMap(value)) return mapEntries(value);
    return fail(pipe, `range can't iterate over ${printValue(value)}`);
  }

  function evaluatePipe(pipe: Pipe, scope: Scope): unknown {
    let value: unknown;
    pipe.commands.forEach((operands, index) => {
      value = evaluateCommand(operands, scope, index === 0 ? [] : [value]);
    });
    for (const name of pipe.variables) {
      if (pipe.assigns) holderOf(name, scope, pipe).set(name, value);
      else scope.variables.at(-1)!.set(name, value);
    }
    return value;
  }

  function holderOf(name: string, scope: Scope, node: Operand | Pipe): Map<string, unknown> {
    return scope.variables.findLast((one) => one.has(name)) ?? fail(node, `undefined variable: ${name}`);
  }

  function evaluateCommand(operands: readonly Operand[], scope: Scope, piped: readonly unknown[]): unknown {
    const [first, ...rest] = operands as [Operand, ...Operand[]];
    if (first.kind === 'function') return callFunction(first, rest, scope, piped);
    const value = evaluate(first, scope);
    if (rest.length === 0 && piped.length === 0) return value;
    if (typeof value !== 'function') return fail(first, `can't give argument to non-function ${written(first)}`);
    return value(...rest.map((one) => evaluate(one, scope)), ...piped);
  }

  function callFunction(
    operand: Extract<Operand, { kind: 'function' }>,
    rest: readonly Operand[],
    scope: Scope,
    piped: readonly unknown[],
  ): unknown {
    const { name } = operand;
    if (name === 'and' || name === 'or') {
      // These look at no more operands than they need.
      let last: unknown;
      for (const one of [...rest.map((each) => () => evaluate(each, scope)), ...piped.map((each) => () => each)]) {
        last = one();
        if (isTrue(last) === (name === 'or')) return last;
      }
      return last;
    }
    const args = [...rest.map((one) => evaluate(one, scope)), ...piped];
    try {
      return options.functions[name]!(...args);
    } catch (error) {
      if (error instanceof TemplateError) throw error;
      return fail(operand, `error calling ${name}: ${(error as Error).message}`, [operand, ...rest]);
    }
  }

  function evaluate(operand: Operand, scope: Scope): unknown {
    switch (operand.kind) {
      case 'dot':
        return scope.dot;
      case 'nil':
        return null;
      case 'literal':
        return operand.value;
      case 'function':
        return callFunction(operand, [], scope, []);
      case 'field':
        return follow(operand, scope.dot);
      case 'variable':
        return follow(operand, holderOf(operand.name, scope, operand).get(operand.name));
      case 'chain':
        return follow(operand, evaluatePipe(operand.pipe, scope));
    }
  }

  function follow(node: Operand & { readonly path: readonly string[] }, start: unknown): unknown {
    return node.path.reduce((value, name) => field(node, value, name), start);
  }

  function field(node: Operand, value: unknown, name: string): unknown {
    if (value === null || value === undefined) return fail(node, `nil pointer evaluating interface {}.${name}`);
    if (!isMap(value) || goType in value) {
      if (isMap(value) && Object.hasOwn(value, name)) return value[name];
      return fail(node, `can't evaluate field ${name} in type ${typeName(value)}`);
    }
    if (Object.hasOwn(value, name)) return value[name];
    if (!(goStruct in value)) return undefined;
    const left = options.omitted?.(name);
    return left ? left.value : fail(node, `map has no entry for key ${JSON.stringify(name)}`);
  }

  function fail(node: Operand | Pipe, reason: string, shown: readonly Operand[] = []): never {
    const before = source.slice(0, node.at);
    const column = Buffer.byteLength(before.slice(before.lastIndexOf('\n') + 1));
    throw new TemplateError(
      `template: :${lineAt(source, node.at)}:${column}: executing "" at <${shown.length > 0 ? shown.map(written).join(' ') : written(node)}>: ${reason}`,
    );
  }
}

function nested(scope: Scope): Scope {
  return { ...scope, variables: [...scope.variables, new Map()] };
}
