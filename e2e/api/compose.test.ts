/** docker-compose of the distribution (1.29, or 2 where it has that) against a real engine: a project of two services. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { freePort } from '../harness/ports.ts';

let engine: TestEngine;
let project: string;
let port: number;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
  port = await freePort();
  project = join(engine.work, 'shop');
  for (const folder of ['web', 'conf']) mkdirSync(join(project, folder), { recursive: true });
  writeFileSync(join(project, 'conf/name'), 'shop\n');
  writeFileSync(join(project, 'web/Dockerfile'), dockerfile);
  writeFileSync(join(project, 'docker-compose.yml'), definition(port));
});
after(() => engine?.stop());

const dockerfile = `FROM busybox:latest
ARG GREETING=none
RUN echo "$GREETING" > /greeting
CMD ["sh", "-c", "echo ready; exec nc -ll -p 80 -e sh -c 'cat /greeting /conf/name /data/*; nc -w 5 cache 6379'"]
`;

function definition(hostPort: number): string {
  return `version: '3.8'
services:
  web:
    build: { context: ./web, args: { GREETING: hello } }
    ports: ['127.0.0.1:${hostPort}:80']
    volumes: ['data:/data', './conf:/conf:ro']
    networks: [front, back]
    stop_grace_period: 0s
    depends_on:
      store: { condition: service_healthy }
  store:
    image: busybox:latest
    command: ['nc', '-ll', '-p', '6379', '-e', 'echo', 'stored']
    healthcheck: { test: ['CMD', 'true'], interval: 1s }
    volumes: ['data:/data']
    stop_grace_period: 0s
    networks:
      back: { aliases: [cache] }
networks:
  front: {}
  back: { internal: true }
volumes:
  data: {}
`;
}

function compose(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('docker-compose', args, {
    cwd: project,
    encoding: 'utf8',
    input: '',
    timeout: 120_000,
    // BuildKit's own transport is not what this test is about.
    env: {
      PATH: process.env['PATH'],
      HOME: engine.work,
      DOCKER_HOST: `unix://${engine.socket}`,
      DOCKER_BUILDKIT: '0',
      COMPOSE_DOCKER_CLI_BUILD: '0',
      // 1.29 looks into a field of images that is there up to 1.44, with Docker, too.
      COMPOSE_API_VERSION: '1.41',
    },
  });
  assert.equal(status, 0, `docker-compose ${args.join(' ')}: ${error?.message ?? ''}${stdout}${stderr}${engine.log()}`);
  return stdout;
}

const ids = (...args: string[]) => compose('ps', '-q', ...args).trim();

function ask(): string {
  return spawnSync('/bin/busybox', ['nc', '-w', '5', '127.0.0.1', String(port)], { encoding: 'utf8', input: '' })
    .stdout;
}

test('a project is built, comes up in order, and its services find each other', () => {
  compose('up', '-d');
  assert.match(compose('ps'), new RegExp(`127\\.0\\.0\\.1:${port}->80/tcp`));
  assert.equal(compose('port', 'web', '80').trim(), `127.0.0.1:${port}`);
  assert.match(compose('logs', '--no-color'), /web.*\| ready/);
  assert.equal(compose('exec', '-T', 'web', 'sh', '-c', 'echo kept > /data/f; nc -w 5 store 6379'), 'stored\n');
  assert.equal(ask(), 'hello\nshop\nkept\nstored\n');
});

test('what has not changed stays, what has is made anew, on the same networks and data', () => {
  const [web, store] = [ids('web'), ids('store')];
  compose('up', '-d');
  assert.deepEqual([ids('web'), ids('store')], [web, store]);
  writeFileSync(join(project, 'docker-compose.yml'), definition(port).replace('GREETING: hello', 'GREETING: welcome'));
  compose('up', '-d', '--build');
  assert.equal(ids('store'), store);
  assert.notEqual(ids('web'), web);
  assert.equal(ask(), 'welcome\nshop\nkept\nstored\n');
});

test('one more instance, a command of its own, a stop and a start', () => {
  assert.equal(compose('run', '--rm', '-T', 'store', 'cat', '/data/f'), 'kept\n');
  compose('up', '-d', '--scale', 'store=2');
  assert.equal(ids('store').split('\n').length, 2);
  compose('stop');
  assert.equal(ask(), '');
  compose('start');
  assert.equal(ask(), 'welcome\nshop\nkept\nstored\n');
});

test('down takes everything away', async () => {
  compose('down', '-v');
  const rest = async (...args: string[]) => (await engine.docker(args)).stdout.trim();
  assert.equal(await rest('ps', '-aq'), '');
  assert.equal(await rest('volume', 'ls', '-q'), '');
  assert.deepEqual((await rest('network', 'ls', '--format', '{{.Name}}')).split('\n').sort(), [
    'bridge',
    'host',
    'none',
  ]);
});
