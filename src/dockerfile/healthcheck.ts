import { type FlagType, type FlagValues, readFlags } from './flags.ts';
import { formatDuration, parseDuration, parseInt32 } from './go-numbers.ts';
import { quote } from './go-text.ts';
import { SyntaxFault } from './syntax-fault.ts';
import type { AstNode, HealthcheckSettings } from './types.ts';

const flagTypes: Readonly<Record<string, FlagType>> = {
  interval: 'string',
  timeout: 'string',
  'start-period': 'string',
  'start-interval': 'string',
  retries: 'string',
};

/** The shortest time that the engine accepts: 1 ms. */
const minimum = 1_000_000;

/** @throws SyntaxFault or StrataError in the reference's words. */
export function healthcheckOf(node: AstNode): HealthcheckSettings {
  const [first, ...args] = node.args.map((arg) => arg.text);
  if (first === undefined) throw new SyntaxFault('HEALTHCHECK requires at least one argument');
  const type = first.toUpperCase();
  if (type === 'NONE') {
    if (args.length > 0) throw new SyntaxFault('HEALTHCHECK NONE takes no arguments');
    return { test: ['NONE'], interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };
  }
  const flags = readFlags(node.flags, flagTypes);
  if (type !== 'CMD') throw new SyntaxFault(`Unknown type ${quote(type)} in HEALTHCHECK (try CMD)`);
  const command = node.json ? args : args.length === 0 ? [] : [args.join(' ')];
  if (command.length === 0) throw new SyntaxFault('Missing command after HEALTHCHECK CMD');
  return {
    test: [node.json ? 'CMD' : 'CMD-SHELL', ...command],
    interval: duration(flags, 'interval'),
    timeout: duration(flags, 'timeout'),
    startPeriod: duration(flags, 'start-period'),
    startInterval: duration(flags, 'start-interval'),
    retries: retriesOf(flags),
  };
}

function duration(flags: FlagValues, name: string): number {
  const text = flags.string(name);
  if (!text) return 0;
  const value = parseDuration(text);
  if (value !== 0 && value < minimum) {
    throw new SyntaxFault(`Interval ${quote(name)} cannot be less than ${formatDuration(minimum)}`);
  }
  return value;
}

function retriesOf(flags: FlagValues): number {
  const text = flags.string('retries');
  if (!text) return 0;
  const retries = parseInt32(text);
  if (retries < 0) throw new SyntaxFault(`--retries cannot be negative (${retries})`);
  return retries;
}
