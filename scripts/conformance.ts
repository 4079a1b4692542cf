/**
 * `npm run conformance`: the golden cases recorded from the reference engine, through `strata build` and through the
 * docker client. Needs the conformance data (beside the checkout, or where STRATA_CONFORMANCE says).
 *
 *   npm run conformance                     both modes over all cases
 *   npm run conformance -- --third          a fixed third of the cases
 *   npm run conformance -- builder --only 'copy-*'
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { debianBase } from './bases.ts';
import { buildProgram } from './build.ts';

const data = process.env['STRATA_CONFORMANCE'] ?? resolve(import.meta.dirname, '../../shared/conformance');
const [first, ...rest] = process.argv.slice(2);
const modes = first === 'builder' || first === 'modern' ? [first] : ['builder', 'modern'];
const args = modes.length === 1 ? rest : process.argv.slice(2);
const third = args.includes('--third');
const passed = args.filter((arg) => arg !== '--third');
const say = (line: string) => process.stderr.write(`${line}\n`);

if (!existsSync(join(data, 'check'))) {
  say(`the conformance data is not at ${data}; set STRATA_CONFORMANCE to its folder`);
  process.exit(1);
}

const top = mkdtempSync(join(tmpdir(), 'strata-conformance-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=0755,size=12g', 'strata-conformance', top]).status === 0;
let failed = false;
try {
  const program = await buildProgram();
  const socket = join(top, 'run/strata.sock');
  const env = { ...process.env, STRATA_HOST: `unix://${socket}`, NO_COLOR: '1' };
  const daemon = spawn(
    program,
    [
      'daemon',
      '--data-root',
      join(top, 'data'),
      '--state-root',
      join(top, 'run'),
      '--socket',
      socket,
      '--bridge',
      'strata-conf',
    ],
    { stdio: ['ignore', openSync(join(top, 'log'), 'a'), openSync(join(top, 'log'), 'a')], env },
  );
  for (let tries = 0; tries < 400 && !existsSync(socket); tries++) await new Promise((wake) => setTimeout(wake, 25));
  const run = (command: string, list: readonly string[]) =>
    spawnSync(command, list, { env, stdio: ['ignore', 'inherit', 'inherit'] }).status ?? 1;
  // The cases' own busybox; a Debian base as the demo makes it (only what differs from the base is compared).
  const bases = '/var/cache/strata/conformance';
  mkdirSync(bases, { recursive: true });
  run('python3', [join(data, 'make-bases'), '--out', bases, '--only', 'busybox']);
  run(program, ['load', '-q', '-i', join(bases, 'busybox.tar')]);
  run(program, ['load', '-q', '-i', (await debianBase(say)).archive]);
  const cases = third ? ['--cases', selectThird()] : [];
  for (const mode of modes) {
    say(
      `conformance: ${mode === 'builder' ? 'through strata build' : 'through the docker client, BuildKit’s results expected'}`,
    );
    const how =
      mode === 'builder'
        ? [
            '--builder',
            `${program} build --no-cache -t {tag} -f {file} {args} {context}`,
            '--save',
            `${program} save -o {out} {tag}`,
          ]
        : ['--host', `unix://${socket}`, '--modern'];
    if (
      run('python3', [
        join(data, 'check'),
        ...how,
        ...cases,
        '--workdir',
        join(top, `work-${mode}`),
        '--warnings',
        ...passed,
      ]) !== 0
    )
      failed = true;
  }
  daemon.kill('SIGTERM');
  await new Promise((gone) => daemon.once('exit', gone));
} finally {
  if (mounted) spawnSync('umount', ['-R', '-l', top]);
  spawnSync('ip', ['link', 'delete', 'strata-conf'], { stdio: 'ignore' });
  rmSync(top, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

/** Every third case by name: stable, and spread over all topics. */
function selectThird(): string {
  const folder = join(top, 'third');
  mkdirSync(folder);
  const names = readdirSync(join(data, 'cases'))
    .sort()
    .filter((_, i) => i % 3 === 0);
  for (const name of names) symlinkSync(join(data, 'cases', name), join(folder, name));
  return folder;
}
