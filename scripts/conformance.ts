/**
 * `npm run conformance`: the golden cases recorded from the reference engine, through `strata build` and through the
 * docker client. Needs the conformance data (beside the checkout, or where STRATA_CONFORMANCE says).
 *
 *   npm run conformance                     both modes over all cases
 *   npm run conformance -- --third          a fixed third of the cases of every topic
 *   npm run conformance -- builder --only 'copy-*'
 *
 * Ends with 0 where no case failed. Cases that cannot be compared here are named with their reason.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { debianBase } from './bases.ts';
import { buildProgram } from './build.ts';

type Mode = 'builder' | 'modern';

export const dataFolder = process.env['STRATA_CONFORMANCE'] ?? resolve(import.meta.dirname, '../../shared/conformance');

const titles: Readonly<Record<Mode, string>> = {
  builder: 'through strata build',
  modern: 'through the docker client, BuildKit’s results expected',
};

/** Cases that say nothing about an engine here, and why; undefined where they can be compared. */
const exceptions: Readonly<Record<string, (mode: Mode) => string | undefined>> = {
  'bud-symlink-replace': () => plainFile('bud-symlink-replace', 'tarball_latest.tar'),
  'buildah-copysymlink-2': () => plainFile('buildah-copysymlink-2', 'file-link.tar.gz'),
  'buildah-dockerignore-exceptions-skip': neverSent,
  'buildah-dockerignore-weirdness-1': neverSent,
};

function plainFile(name: string, path: string): string | undefined {
  return lstatSync(join(dataFolder, 'cases', name, 'context', path)).isSymbolicLink()
    ? undefined
    : `the machine lacks the link ${path}: this copy of the data holds a plain file, with which Docker fails as well`;
}

function neverSent(mode: Mode): string | undefined {
  return mode === 'modern'
    ? 'transport: the docker client’s classic path leaves the files out of the context that it sends'
    : undefined;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

async function main(given: readonly string[]): Promise<number> {
  if (!existsSync(join(dataFolder, 'check'))) {
    say(`the conformance data is not at ${dataFolder}; set STRATA_CONFORMANCE to its folder`);
    return 1;
  }
  const modes = (['builder', 'modern'] as const).filter((mode) => given[0] === mode);
  const args = modes.length === 0 ? given : given.slice(1);
  const third = args.includes('--third');
  const passedOn = args.filter((arg) => arg !== '--third');
  const top = mkdtempSync(join(tmpdir(), 'strata-conformance-'));
  const mounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=0755,size=12g', 'strata-conformance', top]).status === 0;
  const bridge = `stc${process.pid}`;
  process.umask(0o022);
  try {
    const engine = await startEngine(top, bridge);
    let failed = false;
    for (const mode of modes.length === 0 ? (['builder', 'modern'] as const) : modes) {
      const started = Date.now();
      say(`conformance: ${titles[mode]}`);
      const cases = selectCases(mode, join(top, `cases-${mode}`), third);
      if (!engine.check(mode, ['--cases', cases, ...passedOn])) failed = true;
      say(`conformance: ${((Date.now() - started) / 1000).toFixed(0)} s`);
    }
    await engine.stop();
    return failed ? 1 : 0;
  } finally {
    if (mounted) spawnSync('umount', ['-R', '-l', top]);
    spawnSync('ip', ['link', 'delete', bridge], { stdio: 'ignore' });
    rmSync(top, { recursive: true, force: true });
  }
}

/** A folder of links to the cases that are run; the others are named with the reason. */
function selectCases(mode: Mode, folder: string, third: boolean): string {
  mkdirSync(folder);
  const root = join(dataFolder, 'cases');
  const names = readdirSync(root).sort();
  for (const name of third ? thirdOf(names) : names) {
    const reason = exceptions[name]?.(mode);
    if (reason === undefined) symlinkSync(join(root, name), join(folder, name));
    else say(`not compared: ${name}: ${reason}`);
  }
  return folder;
}

/** Every third case of each topic, by name: the same ones every time. */
function thirdOf(names: readonly string[]): readonly string[] {
  const topicOf = (name: string) =>
    (JSON.parse(readFileSync(join(dataFolder, 'cases', name, 'case.json'), 'utf8')) as { topic: string }).topic;
  return [...Map.groupBy(names, topicOf).values()].flatMap((group) => group.filter((_, index) => index % 3 === 0));
}

async function startEngine(top: string, bridge: string) {
  const program = await buildProgram();
  const socket = join(top, 'run/strata.sock');
  const roots = ['--data-root', join(top, 'data'), '--state-root', join(top, 'run'), '--socket', socket];
  const env = { ...process.env, STRATA_HOST: `unix://${socket}` };
  const log = openSync(join(top, 'log'), 'a');
  const daemon = spawn(program, ['daemon', ...roots, '--bridge', bridge, '--subnet', subnetOf(process.pid)], {
    stdio: ['ignore', log, log],
    env,
  });
  for (let tries = 0; tries < 400 && !existsSync(socket); tries++) await new Promise((wake) => setTimeout(wake, 25));
  const run = (command: string, list: readonly string[]) =>
    spawnSync(command, list, { env, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
  // The cases' own busybox; a Debian base as the demo makes it (only what differs from the base is compared).
  const bases = '/var/cache/strata/conformance';
  mkdirSync(bases, { recursive: true });
  const busybox = join(bases, 'busybox.tar');
  if (!existsSync(busybox)) run('python3', [join(dataFolder, 'make-bases'), '--out', bases, '--only', 'busybox']);
  run(program, ['load', '-q', '-i', busybox]);
  run(program, ['load', '-q', '-i', debianBase(say).archive]);
  const how: Readonly<Record<Mode, readonly string[]>> = {
    builder: [
      '--builder',
      `${program} build --no-cache -t {tag} -f {file} {args} {context}`,
      '--save',
      `${program} save -o {out} {tag}`,
    ],
    modern: ['--host', `unix://${socket}`, '--modern'],
  };
  return {
    check: (mode: Mode, args: readonly string[]) =>
      run('python3', [
        join(dataFolder, 'check'),
        ...how[mode],
        '--workdir',
        join(top, `work-${mode}`),
        '--warnings',
        ...args,
      ]),
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
