import { existsSync, mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../errors/index.ts';
import { killQuietly, startFailure } from '../../runtime/index.ts';
import { startConmon } from '../conmon.ts';
import { readExitCode } from '../exit-watch.ts';
import { createAttachment } from '../output/attach.ts';
import { startTicks } from '../process-start.ts';
import type { Attachment, LogChunk } from '../types.ts';
import type { ExecProcess, ExecSetting } from './exec-process.ts';

/** An exec with a terminal: conmon holds the other end of it. */
export async function startTerminalExec(setting: ExecSetting): Promise<ExecProcess> {
  const { id, record, facts, folder } = setting;
  const [exits, log, spec] = ['exits', 'log', 'process.json'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(exits, { mode: 0o700 });
  const runtimeLog = join(folder, 'runtime.log');
  writeFileSync(log, '');
  writeFileSync(spec, JSON.stringify(setting.spec), { mode: 0o600 });
  const pid = await startConmon(facts, {
    id: record.id,
    uuid: id,
    name: record.name,
    folder,
    exitDir: exits,
    logPath: log,
    tty: true,
    stdin: true,
    leaveStdinOpen: true,
    execSpec: spec,
    runtimeLog,
    mounts: [],
  }).catch((error: unknown) => {
    // conmon waits for a terminal that never comes, and then has no words of its own.
    const said = existsSync(runtimeLog) ? readFileSync(runtimeLog, 'utf8') : '';
    throw startFailure(said || messageOf(error), setting.command, true);
  });
  const ended = watchEnd(exits, id, record.id, pid);
  const attachment = createAttachment({
    logPath: log,
    from: 0,
    tty: true,
    stdin: setting.input,
    stdout: true,
    stderr: true,
    socket: join(folder, 'attach'),
    ended: ended.isOver,
    started: async () => undefined,
    onWake: ended.onWake,
  });
  const { attachment: watched, done } = untilRead(attachment);
  return { pid, attachment: watched, exit: ended.exit, done, kill: () => killQuietly(pid) };
}

/** The log is needed until it was read to its end, or nobody wants it any more. */
function untilRead(attachment: Attachment): { readonly attachment: Attachment; readonly done: Promise<void> } {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  async function* output(): AsyncGenerator<LogChunk> {
    try {
      yield* attachment.output;
    } finally {
      resolve();
    }
  }
  const detach = () => {
    attachment.detach();
    resolve();
  };
  return { attachment: { ...attachment, output: output(), detach }, done };
}

function watchEnd(exits: string, id: string, containerID: string, pid: number) {
  const { promise: exit, resolve } = Promise.withResolvers<number>();
  const ticks = startTicks(pid);
  const listeners = new Set<() => void>();
  let over = false;
  let missing = 0;
  const look = (patrol: boolean) => {
    // conmon names the file after the process that it keeps, which older ones take for the container.
    const code = readExitCode(exits, id) ?? readExitCode(exits, containerID);
    if (patrol && code === undefined) missing = startTicks(pid) === ticks && ticks !== '' ? 0 : missing + 1;
    if (over || (code === undefined && missing < 5)) return;
    over = true;
    watcher.close();
    clearInterval(timer);
    resolve(code ?? 137);
    for (const listener of [...listeners]) listener();
  };
  const watcher = watch(exits, () => look(false)).on('error', () => {});
  const timer = setInterval(() => look(true), 200);
  look(false);
  return {
    exit,
    isOver: () => over,
    onWake(wake: () => void) {
      listeners.add(wake);
      return () => listeners.delete(wake);
    },
  };
}
