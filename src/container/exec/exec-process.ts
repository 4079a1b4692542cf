import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createFirstWords,
  killQuietly,
  type PipedProcess,
  type RuntimeFacts,
  spawnPiped,
  startFailure,
} from '../../runtime/index.ts';
import { drained } from '../../stream/index.ts';
import { type ContainerRecord, timestamp } from '../record.ts';
import type { Attachment, LogChunk } from '../types.ts';

export interface ExecSetting {
  readonly id: string;
  readonly record: ContainerRecord;
  readonly facts: RuntimeFacts;
  /** Exists, empty; for files of this exec. */
  readonly folder: string;
  readonly command: string;
  /** Whether the process has an input. */
  readonly input: boolean;
  /** The runtime spec's process. */
  readonly spec: {
    readonly user: { readonly uid: number; readonly [name: string]: unknown };
    readonly [name: string]: unknown;
  };
}

export interface ExecProcess {
  readonly pid: number;
  readonly attachment: Attachment;
  /** Never rejects. */
  readonly exit: Promise<number>;
  /** Resolves when nobody needs the folder any more. */
  readonly done: Promise<unknown>;
  kill(): void;
}

/** An exec without a terminal: the runtime is a child of the daemon and the process's streams are pipes of it. */
export async function startExec(setting: ExecSetting): Promise<ExecProcess> {
  const { facts, folder, record } = setting;
  const [spec, pidFile, log] = ['process.json', 'pid', 'runtime.log'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(spec, JSON.stringify(setting.spec), { mode: 0o600 });
  const runtime = spawnPiped(facts, ['--log', log, 'exec', '--process', spec, '--pid-file', pidFile, record.id], {
    input: setting.input,
    uid: setting.spec.user.uid,
  });
  const { closed } = runtime;
  const complaint = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  const output = createOutput(runtime, complaint);
  await Promise.race([begun(folder, pidFile), closed]);
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
  if (pid === 0) {
    await closed;
    throw startFailure(complaint(), setting.command, true);
  }
  const exit = closed.then(
    ([code]) => code ?? 137,
    () => 137,
  );
  return { pid, exit, done: exit, attachment: attachmentOf(runtime, output), kill: () => killQuietly(pid) };
}

/** Resolves when the runtime has written the pid: the process is there, or about to be replaced by its program. */
async function begun(folder: string, pidFile: string): Promise<void> {
  const written = () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '';
  await new Promise<void>((resolve) => {
    const watcher = watch(folder, () => look());
    const timer = setInterval(() => look(), 20);
    function look(): void {
      if (!written() && existsSync(folder)) return;
      watcher.close();
      clearInterval(timer);
      resolve();
    }
    look();
  });
}

interface Output {
  readonly chunks: AsyncGenerator<LogChunk>;
  stop(): void;
}

/** Bytes that may wait for a slow reader before the process has to. */
const mostWaiting = 1024 * 1024;

/** Both streams in the order in which they came. */
function createOutput({ stdout, stderr, closed }: PipedProcess, complaint: () => string): Output {
  const streams = [stdout, stderr];
  let queue: LogChunk[] = [];
  let waiting = 0;
  let ended = false;
  let stopped = false;
  let wake: (() => void) | undefined;
  const push = (stream: LogChunk['stream']) => (data: Uint8Array) => {
    if (stopped) return;
    queue.push({ stream, data, time: timestamp() });
    waiting += data.length;
    if (waiting > mostWaiting) for (const one of streams) one.pause();
    wake?.();
  };
  const words = createFirstWords({ stdout: push('stdout'), stderr: push('stderr') }, complaint);
  stdout.on('data', words.stdout);
  stderr.on('data', words.stderr);
  const end = () => {
    words.end(complaint());
    ended = true;
    wake?.();
  };
  void closed.then(end, end);
  async function* chunks(): AsyncGenerator<LogChunk> {
    while (!stopped) {
      const batch = queue;
      queue = [];
      waiting = 0;
      for (const one of streams) one.resume();
      yield* batch;
      if (queue.length > 0) continue;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return {
    chunks: chunks(),
    stop() {
      stopped = true;
      queue = [];
      // Read on into nothing: the process must not wait for somebody who has left.
      for (const one of streams) one.resume();
      wake?.();
    },
  };
}

function attachmentOf({ stdin }: PipedProcess, output: Output): Attachment {
  return {
    output: output.chunks,
    async write(data) {
      if (stdin?.writable && !stdin.write(data)) await drained(stdin);
    },
    async closeInput() {
      stdin?.end();
    },
    detach() {
      output.stop();
      stdin?.end();
    },
  };
}
