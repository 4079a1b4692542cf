import { type Node, type Operand, type Pipe, TemplateError } from './ast.ts';
import { lex, lineAt, type Token } from './lex.ts';

const quoteEscapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** Parses a template; `known` tells the names of its functions. Throws a TemplateError in Go's words. */
export function parseTemplate(source: string, known: (name: string) => boolean): readonly Node[] {
  const tokens = lex(source);
  let next = 0;

  const peek = (): Token => tokens[next]!;
  const take = (): Token => tokens[next++]!;
  const skipSpace = () => {
    while (peek().kind === 'space') next++;
  };
  const fail = (token: Token, message: string): never => {
    throw new TemplateError(`template: :${lineAt(source, token.at)}: ${message}`);
  };
  const unexpected = (token: Token, where: string): never => {
    if (token.kind === 'end') return fail(token, 'unexpected EOF');
    const text = 'text' in token ? token.text : token.kind === 'close' ? '}}' : ' ';
    return fail(token, `unexpected ${token.kind === 'word' ? `<${text}>` : JSON.stringify(text)} in ${where}`);
  };
  const sign = (text: string): boolean => {
    const token = peek();
    return token.kind === 'sign' && token.text === text;
  };

  const { nodes } = list('top', false);
  return nodes;

  /** Nodes up to `{{end}}` or `{{else…}}` (inside a block) or the end of the text. */
  function list(where: string, inLoop: boolean): { nodes: Node[]; stop: 'end' | 'else' | 'eof' } {
    const nodes: Node[] = [];
    for (;;) {
      const token = take();
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text });
        continue;
      }
      if (token.kind === 'end') {
        if (where !== 'top') fail(token, 'unexpected EOF');
        return { nodes, stop: 'eof' };
      }
      skipSpace();
      const word = peek();
      const keyword = word.kind === 'word' ? word.text : '';
      switch (keyword) {
        case 'end':
        case 'else': {
          if (where === 'top') fail(word, `unexpected {{${keyword}}}`);
          next++;
          skipSpace();
          if (keyword === 'end') closeAction('end');
          return { nodes, stop: keyword };
        }
        case 'if':
        case 'with':
        case 'range':
          next++;
          nodes.push(block(keyword, inLoop || keyword === 'range'));
          break;
        case 'break':
        case 'continue':
          if (!inLoop) fail(word, `{{${keyword}}} outside {{range}}`);
          next++;
          closeAction(keyword);
          nodes.push({ kind: keyword });
          break;
        case 'define':
        case 'template':
        case 'block':
          fail(word, `{{${keyword}}} is not supported in formats`);
          break;
        default:
          nodes.push({ kind: 'action', pipe: pipeline('command', 'close') });
      }
    }
  }

  function closeAction(where: string): void {
    skipSpace();
    const token = take();
    if (token.kind !== 'close') unexpected(token, where);
  }

  function block(kind: 'if' | 'with' | 'range', inLoop: boolean): Node {
    const pipe = pipeline(kind, 'close');
    const { nodes: body, stop } = list(kind, inLoop);
    if (stop === 'end') return { kind, pipe, body, otherwise: [] };
    const word = peek();
    if (word.kind === 'word' && (word.text === 'if' || word.text === 'with')) {
      // `{{else if}}` shares the `{{end}}` of the block that it belongs to.
      next++;
      return { kind, pipe, body, otherwise: [block(word.text, inLoop)] };
    }
    closeAction('else');
    const rest = list(kind, inLoop);
    if (rest.stop === 'else') fail(peek(), 'expected end; found {{else}}');
    return { kind, pipe, body, otherwise: rest.nodes };
  }

  function pipeline(where: string, until: 'close' | ')'): Pipe {
    skipSpace();
    const at = peek().at;
    const { variables, assigns } = declarations(where);
    const commands: Operand[][] = [];
    for (;;) {
      const operands = command(where);
      if (operands.length === 0) {
        const token = peek();
        if (commands.length > 0 || token.kind === 'close' || sign(')')) fail(token, `missing value for ${where}`);
        unexpected(token, where);
      }
      if (commands.length > 0 && operands[0]!.kind === 'literal') {
        fail(peek(), `non executable command in pipeline stage ${commands.length + 1}`);
      }
      commands.push(operands);
      skipSpace();
      if (sign('|')) {
        next++;
        continue;
      }
      const token = take();
      const ends = until === 'close' ? token.kind === 'close' : token.kind === 'sign' && token.text === ')';
      if (!ends) {
        if (until === ')' && (token.kind === 'close' || token.kind === 'end')) fail(token, 'unclosed left paren');
        unexpected(token, where);
      }
      return { kind: 'pipe', at, variables, assigns, commands };
    }
  }

  function declarations(where: string): { variables: string[]; assigns: boolean } {
    const start = next;
    const variables: string[] = [];
    for (;;) {
      skipSpace();
      const token = peek();
      if (token.kind !== 'variable') break;
      next++;
      variables.push(token.text);
      skipSpace();
      if (sign(',') && where === 'range' && variables.length < 2) {
        next++;
        continue;
      }
      if (sign(':=') || sign('=')) {
        const assigns = sign('=');
        next++;
        return { variables, assigns };
      }
      break;
    }
    next = start;
    return { variables: [], assigns: false };
  }

  function command(where: string): Operand[] {
    const operands: Operand[] = [];
    for (;;) {
      skipSpace();
      const one = operand(where);
      if (!one) return operands;
      operands.push(one);
      const after = peek();
      if (after.kind === 'space' || after.kind === 'close' || sign('|') || sign(')')) continue;
      unexpected(after, 'operand');
    }
  }

  function operand(where: string): Operand | undefined {
    const token = peek();
    switch (token.kind) {
      case 'field':
        return { kind: 'field', ...chained(token.at, 1) };
      case 'variable':
        next++;
        return { kind: 'variable', name: token.text, ...chained(token.at, 0) };
      case 'word':
        next++;
        if (token.text === 'nil') return { kind: 'nil', at: token.at };
        if (token.text === 'true' || token.text === 'false') {
          return { kind: 'literal', at: token.at, text: token.text, value: token.text === 'true' };
        }
        if (!known(token.text)) fail(token, `function ${JSON.stringify(token.text)} not defined`);
        return { kind: 'function', at: token.at, name: token.text };
      case 'number':
        next++;
        return { kind: 'literal', at: token.at, text: token.text, value: Number(token.text.replaceAll('_', '')) };
      case 'string':
        next++;
        return { kind: 'literal', at: token.at, text: token.text, value: unquote(token.text) };
      case 'char':
        next++;
        return { kind: 'literal', at: token.at, text: token.text, value: unquote(token.text).codePointAt(0)! };
      case 'sign':
        if (token.text === '.') {
          next++;
          return { kind: 'dot', at: token.at };
        }
        if (token.text === '(') {
          next++;
          const pipe = pipeline('parenthesized pipeline', ')');
          return { kind: 'chain', at: token.at, pipe, path: fields() };
        }
        if (token.text === '|' || token.text === ')') return undefined;
        return unexpected(token, where);
      default:
        return undefined;
    }
  }

  /** Go tells the place of a chain as that of its second part. */
  function chained(at: number, second: number): { at: number; path: string[] } {
    const start = next;
    const path = fields();
    return { at: path.length > second ? tokens[start + second]!.at : at, path };
  }

  function fields(): string[] {
    const path: string[] = [];
    for (let token = peek(); token.kind === 'field'; token = peek()) {
      path.push(token.text.slice(1));
      next++;
    }
    return path;
  }
}

function unquote(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  return text
    .slice(1, -1)
    .replace(
      /\\(u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))/g,
      (_, _all, unicode?: string, hex?: string, char?: string) =>
        char === undefined ? String.fromCodePoint(Number.parseInt(unicode ?? hex!, 16)) : (quoteEscapes[char] ?? char),
    );
}
