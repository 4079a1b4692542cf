/** Expansion of whole instructions: which values of which instruction are expanded, and how. */

import { StrataError } from '../errors/index.ts';
import { parseSignal } from '../oci/index.ts';
import { type Expanded, expandWord, type Lookup } from './expand-word.ts';
import { parsePorts } from './ports.ts';
import { parseRunMounts } from './run-mounts.ts';
import type { ArgDefinition, Instruction } from './types.ts';

export interface ExpandInstructionOptions {
  /** The escape character of the file. Default `\`. */
  readonly escape?: string;
  /** Values of build arguments from outside: the default of such an ARG is not even expanded. */
  readonly given?: (name: string) => string | undefined;
  /** The value that an ARG without one takes over from the global scope. */
  readonly inherited?: (name: string) => string | undefined;
  /** Called with every expansion, for checks that want to know which variables were not set. */
  readonly onExpand?: (expanded: Expanded) => void;
}

/**
 * Expands the variables of an instruction exactly as the reference does: ENV, LABEL, ARG defaults, WORKDIR, USER,
 * VOLUME, STOPSIGNAL, EXPOSE, the paths, owner, mode, checksum and unquoted heredocs of COPY and ADD, and the values of
 * RUN mounts. RUN, CMD, ENTRYPOINT, HEALTHCHECK, SHELL, ONBUILD, MAINTAINER, `--from` and `--exclude` stay as they are.
 *
 * @returns a new instruction with values that are ready to use: ports without ranges, mounts taken apart
 * @throws StrataError invalid_argument in the reference's words
 */
export function expandInstruction(
  instruction: Instruction,
  lookup: Lookup,
  options: ExpandInstructionOptions = {},
): Instruction {
  const expand = (text: string, env = lookup): Expanded => {
    const expanded = expandWord(text, env, options.escape === undefined ? {} : { escape: options.escape });
    options.onExpand?.(expanded);
    return expanded;
  };
  const word = (text: string): string => expand(text).value;
  switch (instruction.kind) {
    case 'env':
    case 'label':
      return {
        ...instruction,
        pairs: instruction.pairs.map((pair) => ({ ...pair, key: word(pair.key), value: word(pair.value) })),
      };
    case 'arg':
      return { ...instruction, args: expandArgs(instruction.args, lookup, options, expand) };
    case 'workdir':
      return { ...instruction, path: word(instruction.path) };
    case 'user':
      return { ...instruction, user: word(instruction.user) };
    case 'volume':
      return { ...instruction, volumes: expandVolumes(instruction.volumes, word) };
    case 'stopsignal': {
      const signal = word(instruction.signal);
      parseSignal(signal);
      return { ...instruction, signal };
    }
    case 'expose':
      return { ...instruction, ports: parsePorts(instruction.ports.flatMap((port) => expand(port).words)) };
    case 'copy':
    case 'add':
      return expandCopy(instruction, word, lookup, options);
    case 'run':
      return { ...instruction, mounts: parseRunMounts(instruction.mountSpecs, word) };
    default:
      return instruction;
  }
}

function expandVolumes(volumes: readonly string[], word: (text: string) => string): string[] {
  const expanded = volumes.map(word);
  if (expanded.includes('')) {
    throw new StrataError('invalid_argument', 'VOLUME specified can not be an empty string');
  }
  return expanded;
}

/** Each default sees the arguments before it in the same instruction. */
function expandArgs(
  args: readonly ArgDefinition[],
  lookup: Lookup,
  options: ExpandInstructionOptions,
  expand: (text: string, env: Lookup) => Expanded,
): ArgDefinition[] {
  const earlier = new Map<string, string>();
  const env: Lookup = (name) => earlier.get(name) ?? lookup(name);
  return args.map(({ key, value }) => {
    const outside = options.given?.(key) ?? (value === undefined ? options.inherited?.(key) : undefined);
    if (outside !== undefined) earlier.set(key, outside);
    if (value === undefined) return { key };
    if (outside !== undefined) return { key, value };
    const expanded = expand(value, env).value;
    earlier.set(key, expanded);
    return { key, value: expanded };
  });
}

function expandCopy<Copy extends Extract<Instruction, { kind: 'copy' | 'add' }>>(
  instruction: Copy,
  word: (text: string) => string,
  lookup: Lookup,
  options: ExpandInstructionOptions,
): Copy {
  const flags: Record<string, string> = {};
  for (const key of ['chown', 'chmod', 'checksum'] as const) {
    const value = (instruction as { readonly [Key in typeof key]?: string })[key];
    if (value !== undefined) flags[key] = word(value);
  }
  const sources = instruction.sources.map(word);
  const dest = word(instruction.dest);
  // Quotes mean nothing in a heredoc, and its escape is always the backslash.
  const files = instruction.files.map((file) => {
    if (!file.expand) return file;
    const expanded = expandWord(file.data, lookup, { skipQuotes: true });
    options.onExpand?.(expanded);
    return { ...file, data: expanded.value };
  });
  return { ...instruction, ...flags, sources, dest, files };
}
