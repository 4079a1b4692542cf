/** The distribution's `docker-registry` with an empty store on the benchmark's disk: what all engines push to. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface BenchRegistry {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  stop(): void;
}

export async function startBenchRegistry(folder: string): Promise<BenchRegistry> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = { version: '0.1', storage: { filesystem: { rootdirectory: folder } }, http: { addr: host } };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const log = openSync(join(folder, 'log'), 'a');
  const child: ChildProcess = spawn('docker-registry', ['serve', join(folder, 'config.json')], {
    stdio: ['ignore', log, log],
  });
  for (let tries = 0; tries < 200 && !answers(host); tries++) await sleep(50);
  if (child.exitCode !== null) throw new Error(`docker-registry ended; see ${join(folder, 'log')}`);
  return { host, stop: () => void child.kill('SIGKILL') };
}

function answers(host: string): boolean {
  return spawnSync('curl', ['-sf', '-o', '/dev/null', `http://${host}/v2/`]).status === 0;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
