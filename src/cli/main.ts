import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '../client/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Command } from './command.ts';
import { connect } from './connect.ts';
import { warningsOf } from './flags/flag.ts';
import { parseFlags } from './flags/parse.ts';
import { commandHelp, globalFlags, groupHelp, programHelp, synopsisOf } from './help.ts';
import { ownArguments, ownFolder } from './own-process.ts';
import { reportError } from './report-error.ts';
import { outputOf, processNeeded, type Session } from './session.ts';
import { commonCommands, type Group, groups, type Leaf, otherCommands } from './tree.ts';
import { UsageError } from './usage-error.ts';
import { programVersion } from './version.ts';

/** The command line. Resolves with the exit code. */
export async function main(argv: readonly string[], session?: Session): Promise<number> {
  const base = session ?? processSession();
  try {
    const { values, args } = parseFlags(globalFlags, argv, false);
    return await dispatch(args, values as GlobalValues, {
      ...base,
      hosts: values['host'] as GlobalValues['host'],
      context: String(values['context']),
      ...(values['config'] !== '' && { configDir: String(values['config']) }),
      debug: values['debug'] === true || isVerbose(String(values['log-level'])),
    });
  } catch (error) {
    if (error instanceof UsageError && error.help) {
      base.stdout.write(programHelp(helpWidth(base)));
      return 0;
    }
    return reportError(error, base, { name: 'strata', synopsis: 'Usage:  strata [OPTIONS] COMMAND [ARG...]' });
  }
}

/** Throws for a level that there is not. The client has no log: what it says besides its output, it says in any case. */
function isVerbose(level: string): boolean {
  if (['trace', 'debug'].includes(level.toLowerCase())) return true;
  if (['', 'info', 'warn', 'warning', 'error', 'fatal', 'panic'].includes(level.toLowerCase())) return false;
  throw new StrataError('invalid_argument', `Unable to parse logging level: ${level}`);
}

type GlobalValues = { readonly [K in keyof typeof globalFlags]: (typeof globalFlags)[K]['initial'] };

async function dispatch(words: readonly string[], options: GlobalValues, session: Session): Promise<number> {
  const [first, second] = words;
  if (options.version) {
    session.stdout.write(`Strata version ${programVersion()}\n`);
    return 0;
  }
  if (first === undefined || first === 'help') return help(words.slice(1), session);
  const group = Object.hasOwn(groups, first) ? groups[first] : undefined;
  if (group) {
    if (second === undefined) return groupHelpTo(session.stderr, first, group);
    if (second === '--help' || second === '-h') return groupHelpTo(session.stdout, first, group);
    const verb = Object.hasOwn(group.aliases, second) ? group.aliases[second]! : second;
    const leaf = Object.hasOwn(group.commands, verb) ? group.commands[verb] : undefined;
    if (!leaf) {
      if (asksHelp(words)) return groupHelpTo(session.stdout, first, group);
      return unknownCommand(`strata ${first} ${second}`, group.synopsis ?? `strata ${first}`, session);
    }
    return await runLeaf(`strata ${first} ${second}`, leaf, words.slice(2), options, session);
  }
  const leaf = aloneCommand(first);
  if (!leaf) return asksHelp(words) ? help([], session) : unknownCommand(`strata ${first}`, undefined, session);
  return await runLeaf(`strata ${first}`, leaf, words.slice(1), options, session);
}

function aloneCommand(name: string): Leaf | undefined {
  if (Object.hasOwn(commonCommands, name)) return commonCommands[name];
  return Object.hasOwn(otherCommands, name) ? otherCommands[name] : undefined;
}

async function help(words: readonly string[], session: Session): Promise<number> {
  if (words.length === 0) {
    session.stdout.write(programHelp(helpWidth(session)));
    return 0;
  }
  return await main([...words, '--help'], session);
}

/** A question for help about a word that nobody knows is answered with what there is. */
function asksHelp(words: readonly string[]): boolean {
  return words.includes('--help') || words.includes('-h');
}

function groupHelpTo(output: Session['stderr'], noun: string, group: Group): number {
  output.write(groupHelp(noun, group));
  return 0;
}

function unknownCommand(name: string, usage: string | undefined, session: Session): number {
  const group = usage?.replace(/ COMMAND$/, '') ?? 'strata';
  session.stderr.write(
    `strata: unknown command: ${name}\n\n${usage ? `Usage:  ${usage}\n\n` : ''}Run '${group} --help' for more information\n`,
  );
  return 1;
}

async function runLeaf(
  name: string,
  leaf: Leaf,
  words: readonly string[],
  options: GlobalValues,
  session: Session,
): Promise<number> {
  if (session.resident && !leaf.resident) return processNeeded;
  const { command } = await leaf.load();
  try {
    const { values, given, args } = command.passthrough
      ? parseFlags({}, ['--', ...words], true)
      : parseFlags(command.flags, words, command.interspersed ?? true);
    checkArguments(name, command, args);
    if (session.resident && (await command.isResident?.({ flags: values, args, session })) === false)
      return processNeeded;
    for (const warning of warningsOf(command.flags, values)) session.stderr.write(`WARNING: ${warning}\n`);
    let client: ReturnType<typeof connect> | undefined;
    const code = await command.run({
      flags: values,
      given,
      args,
      name,
      session,
      client: () => {
        client ??= connect(session, options).then((found) => endingWith(found, session));
        return client;
      },
    });
    // One that could not be had is told by the command that asked for it.
    (await client?.catch(() => undefined))?.close();
    return code;
  } catch (error) {
    if (error instanceof UsageError && error.help) {
      session.stdout.write(commandHelp(name, leaf, command, helpWidth(session)));
      return 0;
    }
    return reportError(error, session, { name, synopsis: synopsisOf(name, command) });
  }
}

/** A process that ends takes its connections along; so does a caller for whom the daemon runs the command. */
function endingWith(client: Client, { resident }: Session): Client {
  if (resident?.gone.aborted) client.close();
  resident?.gone.addEventListener('abort', () => client.close(), { once: true });
  return client;
}

function checkArguments(name: string, { args: { min, max } }: Command, args: readonly string[]): void {
  if (args.length >= min && (max === undefined || args.length <= max)) return;
  const plural = (count: number) => `${count} argument${count === 1 ? '' : 's'}`;
  const wants =
    max === 0
      ? 'accepts no arguments'
      : max === min
        ? `requires ${plural(min)}`
        : max === undefined
          ? `requires at least ${plural(min)}`
          : min === 0
            ? `requires at most ${plural(max)}`
            : `requires at least ${min} and at most ${plural(max)}`;
  throw new UsageError(`'${name}' ${wants}`, { named: true, exitCode: 1 });
}

function helpWidth({ stdout }: Session): number {
  return Math.max(60, (stdout.columns ?? 80) - 1);
}

function processSession(): Session {
  return {
    env: process.env,
    cwd: ownFolder(),
    stdin: process.stdin,
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    configDir: process.env['DOCKER_CONFIG'] || join(homedir(), '.docker'),
    debug: false,
    calledAt: performance.timeOrigin,
    onSignal(signal, listener) {
      process.on(signal, listener);
      return () => process.off(signal, listener);
    },
    exit: (code) => process.exit(code),
  };
}

// Not awaited here: the daemon, which runs inside of this, imports this very module.
if (import.meta.main)
  void main(ownArguments()).then((code) => {
    process.exitCode = code;
  });
