import type { Command } from './command.ts';
import { bool, type Flags, list, text } from './flags/flag.ts';
import { flagUsages } from './flags/usage.ts';
import { commonCommands, type Group, groups, type Leaf, otherCommands, spellingsOf } from './tree.ts';

/** Options before the command. */
export const globalFlags = {
  config: text('', 'Folder of the client configuration (default "~/.docker")'),
  context: text('c', "Docker's context that says which engine to talk to (overrides DOCKER_HOST and DOCKER_CONTEXT)"),
  debug: bool('D', 'Say more when something fails'),
  host: list('H', 'Engine to talk to, e.g. unix:///run/strata/strata.sock or tcp://host:2376'),
  'log-level': text('l', 'How much to say: "debug", "info", "warn", "error", "fatal"', 'info'),
  tls: bool('', 'Use TLS'),
  tlscacert: text('', 'Certificate of the authority that signed the certificate of the engine'),
  tlscert: text('', 'Certificate of this client'),
  tlskey: text('', 'Key of this client'),
  tlsverify: bool('', 'Use TLS and check the certificate of the engine'),
  version: bool('v', 'Print the version and quit'),
} as const satisfies Flags;

export function programHelp(width: number): string {
  const sections: readonly (readonly [string, Readonly<Record<string, { readonly summary: string }>>])[] = [
    ['Common Commands', commonCommands],
    ['Management Commands', groups],
    ['Commands', otherCommands],
  ];
  return [
    'Usage:  strata [OPTIONS] COMMAND',
    '',
    'Builds, keeps, runs, explains and shares container images',
    '',
    ...sections.flatMap(([title, commands]) => [`${title}:`, ...commandRows(commands), '']),
    'Global Options:',
    flagUsages(globalFlags, width),
    '',
    "Run 'strata COMMAND --help' for more information on a command.",
    '',
  ].join('\n');
}

export function groupHelp(noun: string, group: Group): string {
  return [
    `Usage:  strata ${noun} COMMAND`,
    '',
    group.summary,
    '',
    'Commands:',
    ...commandRows(group.commands),
    '',
    `Run 'strata ${noun} COMMAND --help' for more information on a command.`,
    '',
  ].join('\n');
}

export function commandHelp(name: string, leaf: Leaf, command: Command, width: number): string {
  const spellings = spellingsOf(leaf).map((spelling) => `strata ${spelling}`);
  const options = flagUsages(command.flags, width);
  const out = [synopsisOf(name, command), '', leaf.summary];
  if (command.details) out.push('', command.details);
  if (spellings.length > 1) out.push('', 'Aliases:', `  ${spellings.join(', ')}`);
  if (command.examples) {
    out.push('', 'Examples:');
    for (const [line, meaning] of command.examples) out.push(`  # ${meaning}`, `  strata ${line}`);
  }
  if (options !== '') out.push('', 'Options:', options);
  return `${out.join('\n')}\n`;
}

export function synopsisOf(name: string, command: Command): string {
  const lines = typeof command.synopsis === 'string' ? [command.synopsis] : command.synopsis;
  return lines.map((line, index) => `${index === 0 ? 'Usage:  ' : '\t'}${`${name} ${line}`.trimEnd()}`).join('\n');
}

function commandRows(commands: Readonly<Record<string, { readonly summary: string }>>): string[] {
  return Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}`);
}
