/**
 * `npm run demo`: base image, build, run, page, list, history, cached rebuild, with the program as users get it.
 *
 * The demo has a daemon and a data root of its own, kept between runs under /var/lib/strata-demo, so that it neither
 * meets nor changes what a real daemon of this machine holds.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { debianBase } from './bases.ts';
import { buildProgram } from './build.ts';

const root = dirname(import.meta.dirname);
const program = join(root, 'dist/strata');
const context = 'examples/custom-nginx';
const socket = '/run/strata-demo/strata.sock';
const env = { ...process.env, STRATA_HOST: `unix://${socket}` };
const bold = (text: string) => (process.stdout.isTTY && !process.env['NO_COLOR'] ? `\x1b[1m${text}\x1b[0m` : text);

const started = performance.now();
await ensureProgram();
const daemon = await startDaemon();
let container: string | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void cleanUp().then(() => process.exit(130)));
try {
  await tour();
} catch (error) {
  process.stderr.write(`\ndemo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await cleanUp();
}

async function tour(): Promise<void> {
  await ensureBase();

  title('1. Build the image');
  strata('image', 'build', '-t', 'custom-nginx:packaged', context);

  title('2. Run it, with its port 80 published');
  const port = await firstFreePort(8080);
  strata('container', 'run', '-d', '--rm', '--name', 'demo-nginx', '-p', `${port}:80`, 'custom-nginx:packaged');
  container = 'demo-nginx';

  title('3. Fetch the page');
  const page = await fetchPage(`http://127.0.0.1:${port}/`);
  if (!page.includes('Welcome to nginx!'))
    throw new Error(`the page on port ${port} does not welcome anybody:\n${page.slice(0, 500)}`);
  print(`http://127.0.0.1:${port}/ says: Welcome to nginx!`);

  title('4. What runs, and which images are here');
  strata('container', 'ls');
  strata('image', 'ls');

  title('5. What the image is made of');
  strata('image', 'history', 'custom-nginx:packaged');

  title('6. Build again: every step comes from the cache');
  const before = performance.now();
  strata('image', 'build', '--progress=plain', '-t', 'custom-nginx:packaged', context);
  print(`the second build took ${((performance.now() - before) / 1000).toFixed(2)} s`);

  title('7. Stop it');
  strata('container', 'stop', '-t', '3', 'demo-nginx');
  container = undefined;

  title('Try next');
  print(`  npm install -g .                                   puts \`strata\` on your PATH
  strata build --explain -t custom-nginx ${context}   says why a step was not cached
  strata run --rm -it debian:bookworm                 a shell in the base image
  DOCKER_HOST=unix:///run/strata/strata.sock docker ps   the docker client works, too
  npm test                                            runs every test
`);
  print(`The demo took ${((performance.now() - started) / 1000).toFixed(1)} s.`);
}

/** The base from a registry where one serves it, else from Debian's packages. */
async function ensureBase(): Promise<void> {
  if (quiet('image', 'inspect', 'debian:bookworm')) return;
  title('0. The base image debian:bookworm');
  print('asking the registry …');
  if (quiet('pull', '-q', 'debian:bookworm')) return print('pulled from the registry');
  print('no registry serves debian:bookworm here, so mmdebstrap makes it from Debian’s packages');
  const { archive } = debianBase((line) => print(line));
  strata('image', 'load', '-i', archive);
}

/** Runs the program as a user would, its command line shown first. */
function strata(...args: string[]): void {
  print(bold(`$ strata ${args.map((arg) => (/^[\w./:=@-]+$/.test(arg) ? arg : JSON.stringify(arg))).join(' ')}`));
  const { status } = spawnSync(program, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`strata ${args[0]} ended with exit code ${status}`);
}

function quiet(...args: string[]): boolean {
  return spawnSync(program, args, { cwd: root, env, stdio: 'ignore' }).status === 0;
}

async function startDaemon(): Promise<ReturnType<typeof spawn> | undefined> {
  const child = spawn(
    program,
    [
      'daemon',
      '--data-root',
      '/var/lib/strata-demo',
      '--state-root',
      '/run/strata-demo',
      '--socket',
      socket,
      '--bridge',
      'strata-demo',
    ],
    { env, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  for (let tries = 0; tries < 400; tries++) {
    if (log.includes('listening on') || quiet('version')) return child;
    if (child.exitCode !== null) break;
    await sleep(25);
  }
  throw new Error(`the daemon did not start:\n${log}`);
}

async function cleanUp(): Promise<void> {
  if (container) quiet('container', 'rm', '-f', container);
  container = undefined;
  if (daemon && daemon.exitCode === null) {
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await gone;
  }
}

async function ensureProgram(): Promise<void> {
  const newest = Math.max(
    ...globSync('src/**/*.ts', { cwd: root }).map((file) => statSync(join(root, file)).mtimeMs),
    statSync(join(root, 'scripts/build.ts')).mtimeMs,
  );
  if (existsSync(program) && statSync(program).mtimeMs > newest) return;
  print('building dist/strata …');
  await buildProgram();
}

async function firstFreePort(first: number): Promise<number> {
  for (let port = first; port < first + 100; port++) {
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error(`no port is free from ${first} on`);
}

async function fetchPage(url: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(2000) })).text();
    } catch (error) {
      if (tries >= 100) throw error;
      await sleep(50);
    }
  }
}

function title(text: string): void {
  print(`\n${bold(text)}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
