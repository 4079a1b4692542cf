/**
 * `npm run bench`: Strata beside Docker and buildah on this machine, in one run; figures are medians and their ratios.
 *
 *   npm run bench                       every scenario
 *   npm run bench -- run20 noop         some of them (also --only run20)
 *   npm run bench -- --write            also writes docs/BENCHMARKS.md
 *
 * All data roots and contexts lie on one fresh loop-mounted ext4, since small files on a machine's own root can cost
 * ten times as much. Docker is the one of $STRATA_PEERS (a command that starts the reference engines and runs
 * programs inside their root, `up` and `up enter …`), else the one that DOCKER_HOST names.
 * The transfers also print the peak memory of Strata's daemon while it worked.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type BenchEngine, buildahEngine, commandEngine, run } from '../bench/engines.ts';
import { type BenchRegistry, startBenchRegistry } from '../bench/registry.ts';
import { type Scenario as CommandScenario, scenarios as commandScenarios } from '../bench/scenarios.ts';
import { type TransferScenario, transferScenarios } from '../bench/transfers.ts';
import { busyboxBase } from './bases.ts';
import { buildProgram } from './build.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true },
    write: { type: 'boolean' },
    rounds: { type: 'string' },
    keep: { type: 'boolean' },
  },
});
type Scenario = CommandScenario | TransferScenario;
const scenarios: readonly Scenario[] = [...commandScenarios, ...transferScenarios];
const wanted = [...positionals, ...(values.only ?? [])];
const chosen = wanted.length === 0 ? scenarios : scenarios.filter(({ name }) => wanted.includes(name));
if (chosen.length === 0)
  throw new Error(`no such scenario; there are: ${scenarios.map(({ name }) => name).join(', ')}`);

const disk = process.env['STRATA_BENCH_DISK'] ?? '/var/lib/strata-bench';
const say = (line: string) => process.stderr.write(`${line}\n`);
const undo: (() => void)[] = [];

interface Row {
  readonly scenario: Scenario;
  /** Engine name -> seconds of each round. */
  readonly times: ReadonlyMap<string, readonly number[]>;
  /** Most memory that the first engine's process took, MiB. */
  readonly peak?: number | undefined;
}

let registry: BenchRegistry | undefined;

try {
  mountDisk();
  const base = busyboxBase(say).archive;
  const engines = [await strata(base), ...docker(base)];
  for (const engine of engines) undo.push(engine.stop);
  if (chosen.some(({ kind }) => kind === 'transfer')) {
    registry = await startBenchRegistry(`${disk}/registry`);
    undo.push(registry.stop);
  }
  const rows: Row[] = [];
  for (const scenario of chosen)
    rows.push(scenario.kind === 'transfer' ? await transfer(scenario, engines) : measure(scenario, engines));
  const report = table(rows, engines);
  process.stdout.write(`\n${report}`);
  if (values.write) writeFileSync(join(dirname(import.meta.dirname), 'docs/BENCHMARKS.md'), document(report, engines));
} finally {
  for (const step of undo.reverse()) step();
}

/** A fresh ext4 in a sparse file: the same ground for everybody. */
function mountDisk(): void {
  const image = `${disk}.ext4`;
  spawnSync('umount', ['-R', '-l', disk], { stdio: 'ignore' });
  rmSync(image, { force: true });
  mkdirSync(disk, { recursive: true });
  run('truncate', ['-s', '40G', image]);
  // With a journal: without one, ext4 steps over each inode deleted in the last minutes whenever it makes a file, and
  // removing an image makes the next one twenty times slower.
  run('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
  run('mount', ['-o', 'loop', image, disk]);
  undo.push(() => {
    spawnSync('umount', ['-R', '-l', disk]);
    rmSync(image, { force: true });
  });
}

async function strata(base: string): Promise<BenchEngine> {
  const program = await buildProgram();
  const socket = `${disk}/strata-run/strata.sock`;
  const env = { STRATA_HOST: `unix://${socket}` };
  mkdirSync(`${disk}/strata-run`, { mode: 0o700 });
  const log = openSync(`${disk}/strata.log`, 'a');
  // What it packs for other readers of its store while it is idle would slow the others' turns.
  writeFileSync(`${disk}/strata.json`, JSON.stringify({ layout: { idleSeconds: 86_400 } }));
  const daemon = spawn(
    program,
    [
      'daemon',
      '--config',
      `${disk}/strata.json`,
      '--data-root',
      `${disk}/strata`,
      '--state-root',
      `${disk}/strata-run`,
      '--socket',
      socket,
      '--bridge',
      'strata-bench',
    ],
    { stdio: ['ignore', log, log] },
  );
  for (let tries = 0; tries < 200 && !existsSync(socket); tries++) await new Promise((wake) => setTimeout(wake, 25));
  run(program, ['load', '-q', '-i', base], env);
  return commandEngine(
    'Strata',
    run(program, ['--version']).trim().replace('Strata version ', ''),
    [program],
    env,
    () => void daemon.kill('SIGTERM'),
    daemon.pid,
  );
}

/** Docker and buildah of the reference root, their data on the same disk; or the Docker that DOCKER_HOST names. */
function docker(base: string): BenchEngine[] {
  const peers = process.env['STRATA_PEERS'] ?? resolve(import.meta.dirname, '../../shared/peers/up');
  if (existsSync(peers)) {
    const home = '/var/lib/strata-peers';
    if (!existsSync(`${home}/root/.ready`)) run(peers, []);
    say('restarting the reference engines on the benchmark’s disk …');
    run(peers, ['down']);
    mkdirSync(`${disk}/peers/state`, { recursive: true });
    mkdirSync(`${home}/state`, { recursive: true });
    run('mount', ['--bind', `${disk}/peers/state`, `${home}/state`]);
    undo.push(() => {
      spawnSync(peers, ['down']);
      spawnSync('umount', ['-l', `${home}/state`]);
    });
    run(peers, []);
    // Contexts must be visible inside the root.
    mkdirSync(`${home}/root${disk}`, { recursive: true });
    run('mount', ['--rbind', disk, `${home}/root${disk}`]);
    undo.push(() => void spawnSync('umount', ['-R', '-l', `${home}/root${disk}`]));
    const inside = [
      'chroot',
      `${home}/root`,
      'env',
      `DOCKER_HOST=unix://${home}/run/docker.sock`,
      'BUILDX_NO_DEFAULT_ATTESTATIONS=1',
    ];
    run('cp', [base, `${disk}/base.tar`]);
    run(inside[0]!, [...inside.slice(1), 'docker', 'load', '-q', '-i', `${disk}/base.tar`]);
    const version = run(inside[0]!, [
      ...inside.slice(1),
      'docker',
      'version',
      '--format',
      '{{.Server.Version}}',
    ]).trim();
    const engines = [commandEngine('Docker', `${version} with BuildKit`, [...inside, 'docker'], {})];
    const buildah = [...inside, 'buildah', '--root', `${disk}/buildah`, '--runroot', `${disk}/buildah-run`];
    try {
      run(buildah[0]!, [...buildah.slice(1), 'pull', '-q', `docker-archive:${disk}/base.tar:busybox:latest`]);
      engines.push(buildahEngine(run(buildah[0]!, [...buildah.slice(1), '--version']).split(' ')[2]!, buildah));
    } catch (error) {
      say(`buildah is left out: ${(error as Error).message.split('\n').at(-2)}`);
    }
    return engines;
  }
  const host = process.env['DOCKER_HOST'];
  if (!host) {
    say('no DOCKER_HOST: only Strata is measured');
    return [];
  }
  const env = { DOCKER_HOST: host, DOCKER_BUILDKIT: '1' };
  run('docker', ['load', '-q', '-i', base], env);
  return [
    commandEngine('Docker', run('docker', ['version', '--format', '{{.Server.Version}}'], env).trim(), ['docker'], env),
  ];
}

/** Engines take turns within each round, so that a slow minute of the machine hits all of them. */
function measure(scenario: CommandScenario, engines: readonly BenchEngine[]): Row {
  const dir = `${disk}/contexts/${scenario.name}`;
  mkdirSync(dir, { recursive: true });
  scenario.prepare?.(dir);
  const times = new Map<string, number[]>(engines.map((engine) => [engine.name, []]));
  const rounds = values.rounds ? Number(values.rounds) : scenario.rounds;
  if (scenario.kind !== 'run' && scenario.kind !== 'ls' && scenario.kind !== 'build-no-cache') {
    scenario.change?.(dir, -1);
    for (const engine of engines) attempt(engine, () => engine.build(dir, { noCache: false }));
  }
  for (let round = 0; round < rounds; round++) {
    scenario.change?.(dir, round);
    // Nobody pays for another's unwritten pages.
    for (const engine of engines) {
      spawnSync('sync');
      const started = performance.now();
      if (attempt(engine, () => once(scenario, engine, dir)))
        times.get(engine.name)!.push((performance.now() - started) / 1000);
    }
  }
  say(
    `${scenario.name.padEnd(10)} ${engines.map((engine) => `${engine.name} ${format(median(times.get(engine.name)!))}`).join('   ')}`,
  );
  if (!values.keep) rmSync(dir, { recursive: true, force: true });
  return { scenario, times };
}

/** As {@link measure}, with untimed work between the rounds, and the first engine's memory. */
async function transfer(scenario: TransferScenario, engines: readonly BenchEngine[]): Promise<Row> {
  const dir = `${disk}/contexts/${scenario.name}`;
  mkdirSync(dir, { recursive: true });
  const bench = { dir, registry: registry!, engines };
  await scenario.setup(bench);
  const times = new Map<string, number[]>(engines.map((engine) => [engine.name, []]));
  let peak: number | undefined;
  for (let round = 0; round < (values.rounds ? Number(values.rounds) : scenario.rounds); round++) {
    for (const engine of engines) {
      if (!attempt(engine, () => scenario.before?.(bench, engine, round))) continue;
      spawnSync('sync');
      if (engine.pid !== undefined) forgetPeak(engine.pid);
      const started = performance.now();
      if (!attempt(engine, () => scenario.timed(bench, engine))) continue;
      times.get(engine.name)!.push((performance.now() - started) / 1000);
      if (engine.pid !== undefined) peak = Math.max(peak ?? 0, peakMemory(engine.pid));
    }
  }
  for (const engine of engines) attempt(engine, () => scenario.cleanup?.(bench, engine));
  say(
    `${scenario.name.padEnd(10)} ${engines.map(({ name }) => `${name} ${format(median(times.get(name)!))}`).join('   ')}   peak ${peak} MiB`,
  );
  if (!values.keep) rmSync(dir, { recursive: true, force: true });
  return { scenario, times, peak };
}

/** From now on the peak counts from what the process has (proc(5), clear_refs). */
function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** MiB. */
function peakMemory(pid: number): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Math.round(Number(kibibytes) / 1024);
}

function once(scenario: CommandScenario, engine: BenchEngine, dir: string): void {
  switch (scenario.kind) {
    case 'run':
      engine.run();
      break;
    case 'ls':
      engine.ls();
      break;
    case 'build':
    case 'build-warm':
      engine.build(dir, { noCache: false });
      break;
    case 'build-no-cache':
      engine.build(dir, { noCache: true });
      break;
  }
}

function attempt(engine: BenchEngine, action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    say(`${engine.name} failed: ${(error as Error).message.slice(0, 400)}`);
    return false;
  }
}

function median(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function format(seconds: number | undefined): string {
  if (seconds === undefined) return '–';
  return seconds < 1 ? `${(seconds * 1000).toFixed(0)} ms` : `${seconds.toFixed(2)} s`;
}

function table(rows: readonly Row[], engines: readonly BenchEngine[]): string {
  const others = engines.slice(1);
  const lines = [
    `| scenario | what | ${engines.map(({ name }) => name).join(' | ')} | ${others.map(({ name }) => `ratio to ${name}`).join(' | ')} | peak memory |`,
    `| --- | --- | ${engines.map(() => '---:').join(' | ')} | ${others.map(() => '---:').join(' | ')} | ---: |`,
    ...rows.map(({ scenario, times, peak }) => {
      const own = median(times.get(engines[0]!.name)!);
      const ratio = (name: string) => {
        const other = median(times.get(name)!);
        return own === undefined || other === undefined ? '–' : (own / other).toFixed(2);
      };
      return `| ${scenario.name} | ${scenario.what} | ${engines.map(({ name }) => format(median(times.get(name)!))).join(' | ')} | ${others.map(({ name }) => ratio(name)).join(' | ')} | ${peak === undefined ? '' : `${peak} MiB`} |`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function document(report: string, engines: readonly BenchEngine[]): string {
  return `# Benchmarks

\`npm run bench\` measures Strata and the engines beside it on one machine in one run. Each figure is the median of several
rounds, in which the engines take turns; the ratio is Strata's median over the other's (below 1: Strata is faster). Whole
commands are timed, client start included; the peak memory is that of Strata's daemon. All data roots and contexts lie on one fresh loop-mounted ext4.

Engines: ${engines.map(({ name, version }) => `${name} ${version}`).join(', ')}.
Machine: ${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()} ${arch()}.

${report}`;
}
