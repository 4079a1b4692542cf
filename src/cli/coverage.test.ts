import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { coveragePage, type FlagRow, flagRows, page } from '../../scripts/coverage.ts';
import { attestsOf, ignoredOptions } from './builder/unhonoured.ts';
import type { Command } from './command.ts';
import { type Flags, warningsOf } from './flags/flag.ts';
import { parseFlags } from './flags/parse.ts';
import { globalFlags } from './help.ts';
import { main } from './main.ts';
import type { Output, Session } from './session.ts';
import { commonCommands, groups, type Leaf, otherCommands } from './tree.ts';

const rows = flagRows().filter(({ option }) => option !== 'help');

test('docs/COVERAGE.md is made of the tables as they are', () => {
  assert.equal(readFileSync(page, 'utf8'), coveragePage(), 'node scripts/coverage.ts writes it');
});

test('every row has a state, and a reason where nothing comes of the option', () => {
  for (const { command, option, state, note } of rows) {
    assert.ok(['honoured', 'refused', 'warned', 'meaningless'].includes(state), `${command} --${option}`);
    if (state !== 'honoured') assert.notEqual(note, '-', `${command} --${option} has no reason`);
  }
});

function leafOf(command: string): Leaf | undefined {
  const [first = '', second, third] = command.split(' ');
  if (third !== undefined) return undefined;
  if (second === undefined) return commonCommands[first] ?? otherCommands[first];
  const group = groups[first];
  return group?.commands[group.aliases[second] ?? second];
}

async function flagsOf({ command }: FlagRow): Promise<Flags | undefined> {
  if (command === '-') return globalFlags;
  return ((await leafOf(command)?.load()) as { command: Command } | undefined)?.command.flags;
}

/** A value that an option of this kind takes. */
const sample = (type: string, name: string) => {
  if (type === '') return 'true';
  if (name === 'attest') return 'type=sbom';
  if (name === 'memory-swap' || type === 'bytes') return '32m';
  if (['int', 'uint', 'uint16', 'int64', 'decimal'].includes(type)) return '7';
  return type === 'duration' ? '7s' : 'a=b';
};

test('an honoured option is in the help, takes a value where docker’s does, and refuses a wrong one', async () => {
  for (const row of rows.filter(({ state }) => state === 'honoured')) {
    const what = `${row.command} --${row.option}`;
    const flag = (await flagsOf(row))?.[row.option];
    assert.ok(flag, `${what} is not there`);
    assert.equal(flag.short, row.short.replace('-', ''), what);
    assert.equal(flag.type === '', row.value === '-', `${what} takes a value, or none`);
    if (['', 'int', 'uint', 'bytes', 'duration', 'decimal'].includes(flag.type))
      assert.throws(() => flag.take(flag.initial, 'zz'), `${what} takes zz`);
    assert.equal(flag.warning, undefined, what);
  }
});

const here = import.meta.dirname;
const folders = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
);
const sources = new Map(folders.map((name) => [join(here, name), readFileSync(join(here, name), 'utf8')]));

/** The text of a file of this room and of those that it imports, without the lines that declare options. */
function textFrom(path: string, seen = new Set<string>()): string {
  const text = sources.get(path);
  if (text === undefined || seen.has(path)) return '';
  seen.add(path);
  const imported = [...text.matchAll(/from '(\.[^']+)'/g)].map(([, name]) => resolve(dirname(path), name!));
  const own = text.replace(
    /^ {2,4}'?[\w-]+'?: (?:ignored\()?(?:bool|text|list|integer|bytes|swapBytes|duration|decimal|filter)\(/gm,
    '',
  );
  return own + imported.map((name) => textFrom(name, seen)).join('\n');
}

test('an honoured option is read by the code of its command', () => {
  const tree = sources.get(join(here, 'tree.ts'))!;
  const loads = [...tree.matchAll(/import\('(\.\/commands\/([a-z]+)\/([a-z-]+)\.ts)'\)/g)];
  const texts = new Map(loads.map(([, path, group, verb]) => [`${group} ${verb}`, textFrom(resolve(here, path!))]));
  for (const { command, option, state } of rows) {
    const text = texts.get(command);
    if (text === undefined || state !== 'honoured') continue;
    const reads = new RegExp(`(?:\\.|\\['|[{,(]\\s*'?|')${option}\\b'?`);
    assert.match(text, reads, `${command} --${option} is taken and never read`);
  }
});

test('a refused option or command is refused with its name', async () => {
  const asked = new Set<string>();
  for (const row of rows.filter(({ state }) => state === 'refused')) {
    if (row.option === 'builder' && row.command.endsWith('build') && !row.command.startsWith('buildx')) {
      const { values } = parseFlags((await flagsOf(row))!, ['--builder', 'other', '.'], true);
      assert.throws(() => ignoredOptions(values as never), { message: 'no builder "other" found' });
      continue;
    }
    const words = row.command.split(' ');
    // Of a command that is not there one option says enough.
    const key = leafOf(row.command) ? `${row.command} --${row.option}` : row.command;
    if (asked.has(key)) continue;
    asked.add(key);
    const { code, said } = await run([...words, `--${row.option}`, 'x']);
    assert.notEqual(code, 0, key);
    assert.match(said, new RegExp(`unknown (?:flag: --${row.option}|command: strata ${words[0]})`), key);
  }
});

async function run(argv: readonly string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const output: Output = {
    isTTY: false,
    columns: undefined,
    rows: undefined,
    write: (data) => {
      said += Buffer.from(data as string).toString();
    },
    drained: async () => undefined,
    onResize: () => () => undefined,
  };
  const session: Session = {
    env: { DOCKER_HOST: 'unix:///nowhere' },
    cwd: '/',
    stdin: Readable.from([]),
    stdout: output,
    stderr: output,
    configDir: '/nowhere',
    debug: false,
    onSignal: () => () => undefined,
    exit: () => undefined,
    calledAt: 0,
  };
  return { code: await main(argv, session), said };
}

test('an option that is warned of is told, and one without meaning is taken', async () => {
  for (const row of rows.filter(({ state }) => state === 'warned' || state === 'meaningless')) {
    const what = `${row.command} --${row.option}`;
    const flags = await flagsOf(row);
    const flag = flags?.[row.option];
    assert.ok(flags && flag, what);
    const value = flag.initial === true ? 'false' : sample(flag.type, row.option);
    const { values } = parseFlags(flags, [`--${row.option}=${value}`], true);
    const told = [
      ...warningsOf(flags, values),
      ...(row.command.endsWith('build')
        ? [...ignoredOptions(values as never), ...Object.keys(attestsOf(values as never))]
        : []),
    ];
    assert.equal(told.length > 0, row.state === 'warned', `${what}: ${told}`);
  }
});
