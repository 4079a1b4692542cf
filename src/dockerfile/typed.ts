/** Syntax tree nodes to typed instructions: arguments counted, flags read, values left unexpanded. */

import { StrataError } from '../errors/index.ts';
import { type FlagType, type FlagValues, readFlags } from './flags.ts';
import { quote, trimSpace } from './go-text.ts';
import { healthcheckOf } from './healthcheck.ts';
import { chompTabs, heredocMarkOrNone } from './heredoc.ts';
import { parseRunDevice } from './run-devices.ts';
import { checkMountShape } from './run-mounts.ts';
import { withSuggestion } from './suggest.ts';
import { SyntaxFault } from './syntax-fault.ts';
import type {
  AddInstruction,
  AstNode,
  CopyInstruction,
  FromInstruction,
  InlineFile,
  Instruction,
  KeyValue,
  OnbuildInstruction,
  RunInstruction,
} from './types.ts';

type Base = Pick<Instruction, 'location' | 'original' | 'keyword' | 'node'> & { readonly node: AstNode };
type Reader = (node: AstNode, base: Base) => Instruction;

const textsOf = (node: AstNode): string[] => node.args.map((arg) => arg.text);

function needsOne(node: AstNode, name: string): string {
  if (node.args.length !== 1) throw new SyntaxFault(`${name} requires exactly one argument`);
  return node.args[0]!.text;
}

function needsSome(node: AstNode, name: string): string[] {
  if (node.args.length === 0) throw new SyntaxFault(`${name} requires at least one argument`);
  return textsOf(node);
}

function noFlags(node: AstNode): void {
  readFlags(node.flags, {});
}

/** Keeps absent values absent: optional properties are never present and undefined. */
function given<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Value };
}

const readers: Readonly<Record<Instruction['kind'], Reader>> = {
  from: readFrom,
  run: readRun,
  cmd: (node, base) => ({ kind: 'cmd', ...base, ...commandLine(node), heredocs: node.heredocs }),
  entrypoint: (node, base) => ({ kind: 'entrypoint', ...base, ...commandLine(node), heredocs: node.heredocs }),
  copy: readCopy,
  add: readAdd,
  env: (node, base) => ({ kind: 'env', ...base, pairs: keyValues(node, 'ENV') }),
  label: (node, base) => ({ kind: 'label', ...base, pairs: keyValues(node, 'LABEL') }),
  arg: readArg,
  expose: (node, base) => {
    const ports = needsSome(node, 'EXPOSE');
    noFlags(node);
    return { kind: 'expose', ...base, ports: ports.sort() };
  },
  workdir: (node, base) => {
    const path = needsOne(node, 'WORKDIR');
    noFlags(node);
    return { kind: 'workdir', ...base, path };
  },
  user: (node, base) => {
    const user = needsOne(node, 'USER');
    noFlags(node);
    return { kind: 'user', ...base, user };
  },
  volume: readVolume,
  // The reference does not look at STOPSIGNAL's flags.
  stopsignal: (node, base) => ({ kind: 'stopsignal', ...base, signal: needsOne(node, 'STOPSIGNAL') }),
  shell: (node, base) => {
    noFlags(node);
    const { args, shell } = commandLine(node);
    if (args.length === 0) throw new SyntaxFault('SHELL requires at least one argument');
    if (shell) throw new SyntaxFault('SHELL requires the arguments to be in JSON form');
    return { kind: 'shell', ...base, shell: args };
  },
  healthcheck: (node, base) => ({ kind: 'healthcheck', ...base, health: healthcheckOf(node) }),
  onbuild: readOnbuild,
  maintainer: (node, base) => {
    const maintainer = needsOne(node, 'MAINTAINER');
    noFlags(node);
    return { kind: 'maintainer', ...base, maintainer };
  },
};

export const instructionNames: readonly string[] = Object.keys(readers);

/**
 * Makes the typed instruction of a node.
 *
 * @throws SyntaxFault in the reference's words, without its `dockerfile parse error on line N` prefix
 */
export function typedInstruction(node: AstNode): Instruction {
  const name = node.keyword.text.toLowerCase();
  if (!Object.hasOwn(readers, name)) throw unknownInstruction(node);
  const base: Base = {
    location: node.range,
    original: trimSpace(node.original),
    keyword: node.keyword.text,
    node,
  };
  try {
    return readers[name as Instruction['kind']](node, base);
  } catch (error) {
    // Rules shared with the build speak in StrataErrors; here all become findings with a place.
    if (error instanceof StrataError) throw new SyntaxFault(error.message);
    throw error;
  }
}

function unknownInstruction(node: AstNode): SyntaxFault {
  const word = node.keyword.text;
  const names = instructionNames.map((name) => name.toUpperCase());
  const message = withSuggestion(`unknown instruction: ${word}`, word, names, false);
  return new SyntaxFault(message, { range: node.keyword.range });
}

function commandLine(node: AstNode): { args: string[]; shell: boolean } {
  noFlagsExceptRun(node);
  return commandArgs(node);
}

function commandArgs(node: AstNode): { args: string[]; shell: boolean } {
  const args = textsOf(node);
  return { args: node.json || args.length === 0 ? args : [args.join(' ')], shell: !node.json };
}

function noFlagsExceptRun(node: AstNode): void {
  if (node.keyword.text.toLowerCase() !== 'run') noFlags(node);
}

function keyValues(node: AstNode, name: string): KeyValue[] {
  noFlags(node);
  const texts = needsSome(node, name);
  const pairs: KeyValue[] = [];
  for (let at = 0; at < texts.length; at += 3) {
    if (texts[at] === '') throw new SyntaxFault(`${name} names can not be blank`);
    pairs.push({ key: texts[at]!, value: texts[at + 1]!, legacy: texts[at + 2] === '' });
  }
  return pairs;
}

/** The reference does not look at ARG's flags. */
function readArg(node: AstNode, base: Base): Instruction {
  const args = needsSome(node, 'ARG').map((text) => {
    const cut = text.indexOf('=');
    if (cut === 0) throw new SyntaxFault('ARG names can not be blank');
    return cut < 0 ? { key: text } : { key: text.slice(0, cut), value: text.slice(cut + 1) };
  });
  return { kind: 'arg', ...base, args };
}

const stageName = /^[a-z][a-z0-9\-_.]*$/;

function readFrom(node: AstNode, base: Base): FromInstruction {
  const [image = '', as, nameAsWritten] = textsOf(node);
  let name: string | undefined;
  if (node.args.length === 3 && as!.toLowerCase() === 'as') {
    name = nameAsWritten!.toLowerCase();
    if (!stageName.test(name)) {
      throw new SyntaxFault(
        `invalid name for build stage: ${quote(nameAsWritten!)}, name can't start with a number or contain symbols`,
      );
    }
  } else if (node.args.length !== 1) {
    throw new SyntaxFault('FROM requires either one or three arguments');
  }
  const platform = readFlags(node.flags, { platform: 'string' }).string('platform');
  return {
    kind: 'from',
    ...base,
    base: image,
    ...(name === undefined ? {} : { name, asKeyword: as!, nameAsWritten: nameAsWritten! }),
    ...given('platform', platform || undefined),
  };
}

const runFlags: Readonly<Record<string, FlagType>> = {
  mount: 'strings',
  network: 'string',
  security: 'string',
  device: 'strings',
};

function readRun(node: AstNode, base: Base): RunInstruction {
  const flags = readFlags(node.flags, runFlags);
  const mountSpecs = flags.strings('mount');
  for (const spec of mountSpecs) checkMountShape(spec);
  const network = flags.string('network') ?? 'default';
  if (network !== 'default' && network !== 'none' && network !== 'host') {
    throw new SyntaxFault(`invalid network mode ${quote(network)}`);
  }
  const security = flags.string('security') ?? 'sandbox';
  if (security !== 'sandbox' && security !== 'insecure') {
    throw new SyntaxFault(`security ${quote(security)} is not valid`);
  }
  return {
    kind: 'run',
    ...base,
    ...commandArgs(node),
    heredocs: node.heredocs,
    mountSpecs,
    network,
    security,
    devices: flags.strings('device').map(parseRunDevice),
    flagsUsed: flags.used,
  };
}

const copyFlags: Readonly<Record<string, FlagType>> = {
  chown: 'string',
  from: 'string',
  chmod: 'string',
  link: 'boolean',
  parents: 'boolean',
  exclude: 'strings',
};

const addFlags: Readonly<Record<string, FlagType>> = {
  chown: 'string',
  chmod: 'string',
  link: 'boolean',
  'keep-git-dir': 'boolean',
  checksum: 'string',
  unpack: 'boolean',
  exclude: 'strings',
};

function readCopy(node: AstNode, base: Base): CopyInstruction {
  const flags = fileFlags(node, 'COPY', copyFlags);
  return {
    kind: 'copy',
    ...base,
    ...fileOperands(node, 'COPY'),
    ...fileOptions(flags),
    ...given('from', flags.string('from') || undefined),
    parents: flags.boolean('parents') ?? false,
  };
}

function readAdd(node: AstNode, base: Base): AddInstruction {
  const flags = fileFlags(node, 'ADD', addFlags);
  return {
    kind: 'add',
    ...base,
    ...fileOperands(node, 'ADD'),
    ...fileOptions(flags),
    ...given('checksum', flags.string('checksum') || undefined),
    ...given('keepGitDir', flags.boolean('keep-git-dir')),
    ...given('unpack', flags.boolean('unpack')),
  };
}

function fileFlags(node: AstNode, name: string, types: Readonly<Record<string, FlagType>>): FlagValues {
  if (node.args.length < 2) {
    throw new SyntaxFault(
      `${name} requires at least two arguments, but only one was provided. Destination could not be determined`,
      { hint: `write ${name} <source>... <destination>` },
    );
  }
  return readFlags(node.flags, types);
}

function fileOptions(flags: FlagValues) {
  return {
    ...given('chown', flags.string('chown') || undefined),
    ...given('chmod', flags.string('chmod') || undefined),
    link: flags.boolean('link') ?? false,
    excludes: flags.strings('exclude'),
  };
}

function fileOperands(node: AstNode, name: string): { sources: string[]; files: InlineFile[]; dest: string } {
  const texts = textsOf(node);
  const dest = texts.pop()!;
  if (heredocMarkOrNone(dest)) throw new SyntaxFault(`${name} cannot accept a heredoc as a destination`);
  const sources: string[] = [];
  const files: InlineFile[] = [];
  for (const text of texts) {
    const mark = heredocMarkOrNone(text);
    if (!mark) {
      sources.push(text);
      continue;
    }
    const content = node.heredocs.findLast((doc) => doc.name === mark.name)?.content ?? '';
    files.push({ name: mark.name, data: mark.chomp ? chompTabs(content) : content, expand: mark.expand });
  }
  return { sources, files, dest };
}

function readVolume(node: AstNode, base: Base): Instruction {
  const texts = needsSome(node, 'VOLUME');
  noFlags(node);
  const volumes = texts.map(trimSpace);
  if (volumes.includes('')) throw new SyntaxFault('VOLUME specified can not be an empty string');
  return { kind: 'volume', ...base, volumes };
}

function readOnbuild(node: AstNode, base: Base): OnbuildInstruction {
  if (!node.child) throw new SyntaxFault('ONBUILD requires at least one argument');
  noFlags(node);
  const trigger = node.child.keyword.text.toUpperCase();
  if (trigger === 'ONBUILD') throw new SyntaxFault("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === 'MAINTAINER' || trigger === 'FROM') {
    throw new SyntaxFault(`${trigger} isn't allowed as an ONBUILD trigger`);
  }
  const heredocs = node.heredocs.map((doc) => `\n${doc.content}${doc.name}`).join('');
  const expression = node.original.replace(/^\s*ONBUILD\s*/i, '') + heredocs;
  return { kind: 'onbuild', ...base, expression };
}
