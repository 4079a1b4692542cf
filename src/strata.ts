/** The program: the command line, the daemon, and the threads of both. In a bundle all of them are this one file. */
import { isMainThread, workerData } from 'node:worker_threads';

void (isMainThread ? runProgram() : runThread((workerData as { readonly room?: unknown } | null)?.room));

async function runProgram(): Promise<void> {
  const { main } = await import('./cli/main.ts');
  process.exitCode = await main(process.argv.slice(2));
}

async function runThread(room: unknown): Promise<void> {
  if (room === 'layer') (await import('./layer/index.ts')).runLayerWorker();
  else if (room === 'build') (await import('./build/index.ts')).runFileWorker();
  else throw new Error(`no room has threads of the kind ${String(room)}`);
}
