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

/** How long the page may say nothing while its container runs, in milliseconds. */
const patience = 15_000;

const started = performance.now();
let container: string | undefined;
let daemon: ReturnType<typeof spawn> | undefined;
/** What the demo's daemon said. */
let log = '';
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void cleanUp().then(() => process.exit(130)));
try {
  await ensureProgram();
  await startDaemon();
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
  const page = await fetchPage(port);
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

async function startDaemon(): Promise<void> {
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
  daemon = child;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log += text;
    // What it decided for the user, such as another subnet.
    for (const line of text.split('\n')) if (/^strata daemon: network /.test(line)) print(line);
  });
  while (!log.includes('listening on')) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the daemon did not start:\n${log}`);
    await sleep(25);
  }
}

async function cleanUp(): Promise<void> {
  if (container) quiet('container', 'rm', '-f', container);
  container = undefined;
  if (daemon && daemon.exitCode === null) {
    const gone = new Promise((resolve) => daemon!.once('exit', resolve));
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

async function fetchPage(port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}/`;
  const begun = performance.now();
  for (;;) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(2000) })).text();
    } catch (error) {
      if (answer('container', 'inspect', '-f', '{{.State.Running}}', 'demo-nginx') !== 'true')
        throw new Error(`the container ended before it answered at ${url}`);
      if (performance.now() - begun > patience) throw new Error(whyNoPage(url, error as Error));
      await sleep(50);
    }
  }
}

/** What one needs to know to see what is in the way. */
function whyNoPage(url: string, error: Error): string {
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  const address = answer('container', 'inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'demo-nginx');
  const inside = quiet('container', 'exec', 'demo-nginx', 'sh', '-c', 'kill -0 1') ? 'runs' : 'does not answer';
  const route = spawnSync('ip', ['-4', 'route', 'get', address], { encoding: 'utf8' }).stdout.split('\n')[0];
  return [
    `nothing answers at ${url} after ${patience / 1000} s: ${cause}`,
    `nginx ${inside} in the container, whose address is ${address}; this machine reaches it so: ${route}`,
    'a route to another interface than strata-demo means that another program took the subnet: start the demo again,',
    'and its engine takes a free one. Else a firewall is in the way. The daemon said:',
    log.trim(),
  ].join('\n');
}

function answer(...args: string[]): string {
  return spawnSync(program, args, { cwd: root, env, encoding: 'utf8' }).stdout.trim();
}

function title(text: string): void {
  print(`\n${bold(text)}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
