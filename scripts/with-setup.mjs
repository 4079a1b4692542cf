#!/usr/bin/env node
// Sets up what the project needs on this machine, then runs one of its scripts on the Node.js that it pins.
//
//   node scripts/with-setup.mjs SCRIPT [ARGS...]     e.g. demo, test, bench, check
//
// Plain JavaScript without dependencies: this is the first thing that runs in a fresh clone, on any Node >= 20.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, 'node_modules', '.strata-setup.json');

/**
 * Debian packages, and why each is needed. `scripts` limits a package to the scripts that use it, `unless` names a
 * program that makes it needless, `before` is what the same thing is called in older releases. README.md lists them.
 */
const packages = JSON.parse(readFileSync(join(root, 'scripts/packages.json'), 'utf8'));

const [script = 'help', ...args] = process.argv.slice(2);
// What this script calls itself with, under a lock: see `locked`.
const step = process.env.STRATA_SETUP_STEP;
const known = ['demo', 'test', 'bench', 'check', 'build', 'conformance', 'fuzz'];
if (!known.includes(script)) fail(`unknown script ${JSON.stringify(script)}; one of: ${known.join(', ')}`);
if (process.platform !== 'linux')
  fail('Strata needs Linux: it builds on overlayfs, namespaces and cgroups of the kernel.');
const [major] = process.versions.node.split('.').map(Number);
if (major < 20) fail(`Node.js 20 or newer is needed to set up; this is ${process.versions.node}.`);

const needsRoot = !['check', 'build'].includes(script);
if (needsRoot && process.getuid?.() !== 0)
  fail(`root rights are needed to mount layers and start containers. Try: sudo npm run ${script}`);

if (step === 'modules') installModules();
else if (step === 'packages') installPackages();
else {
  // Several runs may start at the same moment, in one clone or on one machine.
  if (!hasModules()) locked(join(root, 'package-lock.json'), 'modules');
  if (needsRoot && missingPackages().length > 0) locked('/var/lib/dpkg', 'packages');
  process.exitCode = runScript();
}

/** Runs a step of the set-up in a process of its own while no other run holds this file or folder. */
function locked(place, name) {
  const lock = (how) =>
    spawnSync('flock', [...how, place, process.execPath, fileURLToPath(import.meta.url), script], {
      stdio: 'inherit',
      env: { ...process.env, STRATA_SETUP_STEP: name },
    });
  let result = lock(['--nonblock', '--conflict-exit-code', '99']);
  if (result.status === 99) {
    say('setting up: waiting for another run that does it …');
    result = lock([]);
  }
  if (result.error) fail(`cannot run flock: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function hasModules() {
  return readStamp().lock === wantedModules() && existsSync(nodeBinary());
}

function wantedModules() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** npm ci, unless node_modules already matches package-lock.json. */
function installModules() {
  if (hasModules()) return;
  say('setting up: npm packages (TypeScript engine, Node.js 26 to run it on) …');
  const started = Date.now();
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'npm ci failed');
  if (!existsSync(nodeBinary())) fail(`npm has no Node.js 26 for ${process.arch}; supported: x64, arm64.`);
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, JSON.stringify({ lock: wantedModules() }));
  say(`            done in ${seconds(started)}`);
}

/** What the script needs and dpkg does not have yet. */
function missingPackages() {
  const wanted = packages.filter((p) => (!p.scripts || p.scripts.includes(script)) && !(p.unless && onPath(p.unless)));
  const have = new Set(
    spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n'], { encoding: 'utf8', maxBuffer: 64 << 20 })
      .stdout?.split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]) ?? fail('dpkg is not here: the set-up knows Debian 12 and 13.'),
  );
  return wanted.filter((p) => !have.has(p.name) && !have.has(p.before));
}

function installPackages() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  say('setting up: Debian packages that this machine lacks:');
  for (const p of missing) say(`            ${p.name.padEnd(16)} ${p.why}`);
  const started = Date.now();
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  say('            apt-get update …');
  run('apt-get', ['update', '-qq'], 'apt-get update failed', { env });
  say('            apt-get install …');
  const names = missing.map((p) => (p.before && !isOffered(p.name) ? p.before : p.name));
  run(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', '-o', 'Dpkg::Use-Pty=0', ...names],
    'apt-get install failed',
    { env, quiet: true },
  );
  say(`            done in ${seconds(started)}`);
}

/** Whether this release of Debian has the package. */
function isOffered(name) {
  const { stdout } = spawnSync('apt-cache', ['policy', name], { encoding: 'utf8' });
  return /^ {2}Candidate: (?!\(none\))/m.test(stdout ?? '');
}

function runScript() {
  const node = nodeBinary();
  const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` };
  const result = spawnSync(
    node,
    ['--disable-warning=ExperimentalWarning', join(root, 'scripts', `${script}.ts`), ...args],
    { stdio: 'inherit', env, cwd: root },
  );
  if (result.error) fail(`cannot run ${node}: ${result.error.message}`);
  return result.status ?? 1;
}

function nodeBinary() {
  return join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
}

function onPath(program) {
  return (process.env.PATH ?? '').split(':').some((dir) => dir !== '' && isFile(join(dir, program)));
}

function isFile(path) {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Runs a command; with `quiet`, its output is shown only when it fails. */
function run(command, commandArgs, failure, { env = process.env, quiet = false } = {}) {
  const result = spawnSync(command, commandArgs, {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  });
  if (result.status === 0) return;
  if (quiet) process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  fail(
    `${failure}${result.error ? `: ${result.error.message}` : ` (exit code ${result.status})`}. The command was: ${[command, ...commandArgs].join(' ')}`,
  );
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(message) {
  say(`strata set-up: ${message}`);
  process.exit(1);
}
