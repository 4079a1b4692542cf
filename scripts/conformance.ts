/**
 * `npm run conformance`: the recorded Dockerfiles, through `strata build` and through the docker client, compared with
 * what the reference engine made of them: file tree, configuration, history, warnings, errors.
 *
 *   npm run conformance                              both modes over all cases
 *   npm run conformance -- --third                   a fixed third of the cases of every topic
 *   npm run conformance -- builder --only 'copy-*'   some cases in one mode
 *   npm run conformance -- --data DIR                with further cases: DIR/cases/NAME/case.json, expected.json, …
 *
 * Also `--topic GLOB`, `--jobs N` (default 2), `--no-warnings`, `--verbose` (every case, every difference). Ends with 0
 * where no case failed. Cases that cannot be compared in a mode are named with their reason.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { debianBase } from './bases.ts';
import { buildProgram } from './build.ts';
import { recordedBusybox } from './conformance/base.ts';
import { type CaseBuilder, createCaseBuilder, type Engine, type Mode } from './conformance/build.ts';
import { type Case, furtherFolder, readFurtherCases, readOwnCases } from './conformance/case.ts';
import { compare, globPattern } from './conformance/compare.ts';

const titles: Readonly<Record<Mode, string>> = {
  builder: 'through strata build',
  modern: 'through the docker client, BuildKit’s results expected',
};

interface Options {
  readonly modes: readonly Mode[];
  readonly cases: readonly Case[];
  readonly jobs: number;
  readonly warnings: boolean;
  readonly verbose: boolean;
}

async function main(given: readonly string[]): Promise<number> {
  const options = readOptions(given);
  const top = mkdtempSync(join(tmpdir(), 'strata-conformance-'));
  const mounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=0755,size=12g', 'strata-conformance', top]).status === 0;
  const bridge = `stc${process.pid}`;
  process.umask(0o022);
  try {
    const engine = await startEngine(top, bridge);
    let failed = 0;
    for (const mode of options.modes) {
      const started = Date.now();
      say(`conformance: ${titles[mode]}`);
      failed += await checkAll(mode, engine, options);
      say(`conformance: ${((Date.now() - started) / 1000).toFixed(0)} s`);
    }
    await engine.stop();
    return failed > 0 ? 1 : 0;
  } finally {
    if (mounted) spawnSync('umount', ['-R', '-l', top]);
    spawnSync('ip', ['link', 'delete', bridge], { stdio: 'ignore' });
    rmSync(top, { recursive: true, force: true });
  }
}

function readOptions(given: readonly string[]): Options {
  const globs = { type: 'string', multiple: true } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...given],
    allowPositionals: true,
    allowNegative: true,
    options: {
      only: globs,
      topic: globs,
      data: { type: 'string', default: furtherFolder },
      jobs: { type: 'string', default: '2' },
      third: flag,
      verbose: flag,
      warnings: { type: 'boolean', default: true },
    },
  });
  const matches = (text: string, wanted: readonly string[] = []) =>
    wanted.length === 0 || wanted.some((glob) => globPattern(glob).test(text));
  const all = [...readOwnCases(), ...readFurtherCases(values.data)].filter(
    ({ name, topic }) => matches(name, values.only) && matches(topic, values.topic),
  );
  const both: readonly Mode[] = ['builder', 'modern'];
  const modes = both.filter((mode) => positionals.length === 0 || positionals.includes(mode));
  const unknown = positionals.find((word) => !both.includes(word as Mode));
  if (unknown !== undefined) throw new Error(`no mode ${unknown}: builder or modern`);
  return {
    modes,
    cases: values.third ? thirdOf(all) : all,
    jobs: Math.max(1, Number(values.jobs)),
    warnings: values.warnings,
    verbose: values.verbose,
  };
}

/** Every third case of each topic, by name: the same ones every time. */
function thirdOf(cases: readonly Case[]): readonly Case[] {
  const groups = [...Map.groupBy(cases, ({ topic }) => topic).values()];
  return groups.flatMap((group) => group.filter((_, index) => index % 3 === 0));
}

/** Prints what failed, and the numbers; gives the number of failures. */
async function checkAll(mode: Mode, engine: Engine, options: Options): Promise<number> {
  const builder = await createCaseBuilder(mode, engine);
  const failures: (readonly [string, readonly string[]])[] = [];
  let passed = 0;
  let skipped = 0;

  function note({ name }: Case, differences: readonly string[]): void {
    if (differences.length > 0) failures.push([name, differences]);
    else passed++;
    if (differences.length > 0) print(`FAIL ${name}: ${summary(differences, options.verbose)}`);
    else if (options.verbose) print(`ok   ${name}`);
  }

  const waiting = options.cases.filter((one) => {
    const reason = incomparable(one, mode);
    if (reason === undefined) return true;
    skipped++;
    say(`not compared: ${one.name}: ${reason}`);
    return false;
  });
  const again: Case[] = [];
  const work = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const differences = await check(one, builder, options);
      // Builds at the same time may share equal steps, and with them the dates of each other's files: tried again alone.
      if (differences.length > 0 && options.jobs > 1) again.push(one);
      else note(one, differences);
      if (waiting.length % 50 === 0 && waiting.length > 0) say(`conformance: ${waiting.length} to go`);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  for (const one of again) note(one, await check(one, builder, options));
  print(`${passed} passed, ${failures.length} failed, ${skipped} skipped`);
  return failures.length;
}

async function check(one: Case, builder: CaseBuilder, { warnings }: Options): Promise<readonly string[]> {
  return compare(one, await builder.build(one), { warnings });
}

function summary(differences: readonly string[], all: boolean): string {
  const shown = all ? differences : differences.slice(0, 3);
  const more = differences.length > shown.length ? ` (+${differences.length - shown.length} more)` : '';
  return shown.map((text) => text.replaceAll('\n', ' ')).join('; ') + more;
}

/** Why a case says nothing about an engine in that mode; undefined where it does. */
function incomparable(one: Case, mode: Mode): string | undefined {
  const link = plainFiles[one.name];
  if (link !== undefined && 'folder' in one.files && !lstatSync(join(one.files.folder, link)).isSymbolicLink())
    return `the link ${link} is a plain file in this copy of the data, with which Docker fails as well`;
  if (mode === 'builder') return undefined;
  if (neverSent.has(one.name))
    return 'transport: the docker client’s classic path leaves the files out of the context that it sends';
  if (one.needs.includes('buildkit') && one.needsReason === 'transport')
    return 'transport: what it needs cannot travel over the classic API';
  return undefined;
}

/** Links in the contexts of further cases that some ways of copying make plain files of. */
const plainFiles: Readonly<Record<string, string>> = {
  'bud-symlink-replace': 'context/tarball_latest.tar',
  'buildah-copysymlink-2': 'context/file-link.tar.gz',
};
const neverSent: ReadonlySet<string> = new Set([
  'buildah-dockerignore-exceptions-skip',
  'buildah-dockerignore-weirdness-1',
]);

async function startEngine(top: string, bridge: string): Promise<Engine & { stop(): Promise<void> }> {
  const program = await buildProgram();
  const socket = join(top, 'run/strata.sock');
  const work = join(top, 'work');
  mkdirSync(work);
  const roots = ['--data-root', join(top, 'data'), '--state-root', join(top, 'run'), '--socket', socket];
  const env = { ...process.env, STRATA_HOST: `unix://${socket}` };
  const log = openSync(join(top, 'log'), 'a');
  const daemon = spawn(program, ['daemon', ...roots, '--bridge', bridge, '--subnet', subnetOf(process.pid)], {
    stdio: ['ignore', log, log],
    env,
  });
  for (let tries = 0; tries < 400 && !existsSync(socket); tries++) await new Promise((wake) => setTimeout(wake, 25));
  // The cases' own busybox; a Debian base as the demo makes it (only what differs from the base is compared).
  for (const { archive } of [recordedBusybox(say), debianBase(say)])
    spawnSync(program, ['load', '-q', '-i', archive], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  return {
    program,
    socket,
    work,
    stop: async () => {
      daemon.kill('SIGTERM');
      await new Promise((gone) => daemon.once('exit', gone));
    },
  };
}

/** One of its own, so that runs at the same time do not meet. */
function subnetOf(pid: number): string {
  return `10.${170 + (pid % 20)}.${(pid >> 5) % 256}.0/24`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
