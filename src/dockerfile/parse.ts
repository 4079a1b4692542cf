/** The entry points: text to Dockerfile, strict and tolerant. */

import { type SourceLocation, StrataError } from '../errors/index.ts';
import { type LocatedFault, type ParsedText, parseAst } from './parse-ast.ts';
import { parserWarnings } from './parser-warnings.ts';
import { SyntaxFault } from './syntax-fault.ts';
import { typedInstruction } from './typed.ts';
import type {
  ArgInstruction,
  AstNode,
  Dockerfile,
  FromInstruction,
  Instruction,
  Stage,
  TextRange,
  TolerantDockerfile,
} from './types.ts';

export interface ParseOptions {
  /** The name for messages. Default `Dockerfile`. */
  readonly file?: string;
}

/**
 * Parses a Dockerfile.
 *
 * @throws StrataError invalid_argument for the first thing that is wrong, in the reference's words, with its place and
 * the lines around it
 */
export function parseDockerfile(text: string, options: ParseOptions = {}): Dockerfile {
  const { diagnostics, ...dockerfile } = parseInReferenceOrder(text, options);
  if (diagnostics[0]) throw diagnostics[0];
  return dockerfile;
}

/** Parses any text without ever throwing: what cannot be understood is left out and reported in `diagnostics`. */
export function parseTolerant(text: string, options: ParseOptions = {}): TolerantDockerfile {
  return parseWith(text, options, 'tolerant');
}

/** Like `parseTolerant`, with the diagnostic first that the reference stops at. */
export function parseInReferenceOrder(text: string, options: ParseOptions = {}): TolerantDockerfile {
  return parseWith(text, options, 'strict');
}

function parseWith(text: string, options: ParseOptions, order: 'strict' | 'tolerant'): TolerantDockerfile {
  const file = options.file ?? 'Dockerfile';
  const parsed = parseAst(text, file);
  const typed = typeAll(parsed, file);
  const syntax = text === '' ? [emptyFile(file)] : parsed.faults;
  const faults = [...syntax, ...typed.faults];
  // The reference reads the whole tree before it types anything; an editor wants the order of the file.
  if (order === 'tolerant') faults.sort((a, b) => a.range.line - b.range.line);
  return {
    file,
    lines: parsed.lines,
    directives: parsed.directives,
    metaArgs: typed.metaArgs,
    stages: typed.stages,
    ast: parsed.ast,
    warnings: parserWarnings(parsed.emptyContinuations),
    diagnostics: faults.map((fault) => diagnostic(fault, parsed.lines, syntax.includes(fault))),
  };
}

/**
 * Parses the instructions of a text that is no whole Dockerfile, such as an ONBUILD trigger of a base image.
 *
 * @throws StrataError as `parseDockerfile`
 */
export function parseInstruction(text: string, options: ParseOptions = {}): Instruction {
  const parsed = parseAst(text, options.file ?? 'Dockerfile');
  const fail = (fault: LocatedFault): never => {
    throw diagnostic(fault, parsed.lines);
  };
  if (parsed.faults[0]) return fail(parsed.faults[0]);
  const node = parsed.ast[0]!;
  if (parsed.ast.length > 1) {
    return fail({ fault: new SyntaxFault('ONBUILD trigger should be a single expression'), range: node.range });
  }
  try {
    return typedInstruction(node);
  } catch (error) {
    return fail({ fault: asFault(error), range: node.range });
  }
}

function emptyFile(file: string): LocatedFault {
  const range = { file, line: 1, column: 1, endLine: 1, endColumn: 1 };
  return { fault: new SyntaxFault('the Dockerfile cannot be empty'), range };
}

interface Typed {
  readonly metaArgs: ArgInstruction[];
  readonly stages: Stage[];
  readonly faults: LocatedFault[];
}

function typeAll(parsed: ParsedText, file: string): Typed {
  const typed: Typed = { metaArgs: [], stages: [], faults: [] };
  let current: { from: FromInstruction; instructions: Instruction[] } | undefined;
  const close = (): void => {
    if (current) typed.stages.push(stageOf(typed.stages.length, current.from, current.instructions));
  };
  for (const node of parsed.ast) {
    const instruction = typeOne(node, typed.faults);
    if (!instruction) continue;
    if (instruction.kind === 'from') {
      close();
      current = { from: instruction, instructions: [] };
    } else if (current) {
      current.instructions.push(instruction);
    } else if (instruction.kind === 'arg') {
      typed.metaArgs.push(instruction);
    } else {
      const hint = 'only ARG may stand in front of the first FROM';
      typed.faults.push({ fault: new SyntaxFault('no build stage in current context', { hint }), range: node.range });
    }
  }
  close();
  if (typed.stages.length === 0 && typed.faults.length === 0 && parsed.ast.length > 0) {
    const last = parsed.ast.at(-1)!;
    typed.faults.push({
      fault: new SyntaxFault('dockerfile contains no stages to build'),
      range: { ...last.range, file },
    });
  }
  return typed;
}

function typeOne(node: AstNode, faults: LocatedFault[]): Instruction | undefined {
  try {
    return typedInstruction(node);
  } catch (error) {
    const fault = asFault(error);
    const message = `dockerfile parse error on line ${node.range.line}: ${fault.message}`;
    const hint = fault.hint === undefined ? {} : { hint: fault.hint };
    faults.push({ fault: new SyntaxFault(message, hint), range: fault.range ?? node.range });
    return undefined;
  }
}

function asFault(error: unknown): SyntaxFault {
  if (error instanceof SyntaxFault) return error;
  throw error;
}

function stageOf(index: number, from: FromInstruction, instructions: readonly Instruction[]): Stage {
  const end = instructions.at(-1)?.location ?? from.location;
  return {
    index,
    ...(from.name === undefined ? {} : { name: from.name }),
    base: from.base,
    ...(from.platform === undefined ? {} : { platform: from.platform }),
    from,
    instructions,
    location: { ...from.location, endLine: end.endLine, endColumn: end.endColumn },
  };
}

/** Faults of the text itself are told from those of single instructions by their code. */
function diagnostic({ fault, range }: LocatedFault, lines: readonly string[], syntax = false): StrataError {
  return new StrataError('invalid_argument', fault.message, {
    code: syntax ? 'dockerfile_syntax' : 'dockerfile_invalid',
    location: withExcerpt(range, lines),
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
  });
}

/** Lines shown around a place. */
const contextLines = 2;

/** The place with the lines around it, for an error that is shown to a person. */
export function withExcerpt<Place extends SourceLocation>(range: Place, lines: readonly string[]): Place {
  const first = Math.max(1, range.line - contextLines);
  const shown = lines.slice(first - 1, (range.endLine ?? range.line) + contextLines);
  return { ...range, excerpt: { first, lines: shown } };
}

/** Gives an error of the user's a place, unless it has one; anything else is passed on as it is. */
export function locateFault(error: unknown, range: TextRange, lines: readonly string[]): unknown {
  if (!(error instanceof StrataError) || error.location) return error;
  return new StrataError(error.kind, error.message, {
    code: error.code,
    location: withExcerpt(range, lines),
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
