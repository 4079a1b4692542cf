import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { documentText } from '../../db/index.ts';
import { messageOf, StrataError } from '../../errors/index.ts';
import type { RuntimeFacts } from '../../runtime/index.ts';
import { resizeTerminal } from '../conmon.ts';
import type { ContainerRecord } from '../record.ts';
import { assertAllowed } from '../transitions.ts';
import type { Attachment, ContainerEvent, Containers, ExecConfig, ExecState } from '../types.ts';
import { type ExecProcess, type ExecSetting, startExec } from './exec-process.ts';
import { checkUser, runtimeExecSpec } from './exec-spec.ts';
import { startTerminalExec } from './terminal-exec.ts';

export interface ExecOptions {
  readonly stateRoot: string;
  readonly runtime: () => RuntimeFacts;
  /** The container, after a start that is under way. */
  readonly get: (ref: string) => Promise<ContainerRecord>;
  readonly rootOf: (id: string) => string;
  readonly emit: (
    action: ContainerEvent['action'],
    container: ContainerRecord,
    attributes?: Readonly<Record<string, string>>,
  ) => void;
}

export type Execs = Containers['exec'] & {
  /** The run of a container is over: what waited to be started in it cannot be any more. */
  ended(containerID: string): void;
  /** The container is gone, and nobody may ask for its execs. */
  forget(containerID: string): void;
  /** Runs a health check: exit code and the first 4 KiB of output; an abort ends it, with -1 and what it said till then. */
  check(
    containerID: string,
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly output: string }>;
};

/** As Docker joins it: there is a blank after a command without arguments. */
function shownCommand({ Cmd: [command = '', ...args] }: ExecConfig): string {
  return `${command} ${args.join(' ')}`;
}

/** How many execs are remembered for `inspect`, running ones apart. */
const remembered = 1000;

/** Further processes in running containers. They end with their container, and are forgotten with the daemon. */
export function createExecs(options: ExecOptions): Execs {
  const root = join(options.stateRoot, 'execs');
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const states = new Map<string, ExecState>();
  const folderOf = (id: string) => join(root, id.slice(0, 16));

  function update(id: string, patch: Partial<ExecState>): void {
    const state = states.get(id);
    if (state) states.set(id, { ...state, ...patch });
  }

  function inspect(id: string): ExecState {
    const state = states.get(id) ?? [...states.values()].find((one) => id.length >= 12 && one.id.startsWith(id));
    if (state) return state;
    throw new StrataError('not_found', `No such exec instance: ${id}`, { code: 'exec_not_found' });
  }

  function of(containerID: string): readonly ExecState[] {
    return [...states.values()].filter((one) => one.containerID === containerID);
  }

  async function required(ref: string): Promise<ContainerRecord> {
    const record = await options.get(ref);
    assertAllowed(record, 'exec', ref);
    return record;
  }

  async function begin(id: string, record: ContainerRecord, config: ExecConfig, input: boolean): Promise<ExecProcess> {
    const folder = folderOf(id);
    const facts = options.runtime();
    const setting: ExecSetting = {
      id,
      record,
      facts,
      folder,
      command: config.Cmd[0] ?? '',
      input,
      spec: runtimeExecSpec(record, config, options.rootOf(record.id), facts),
    };
    mkdirSync(folder, { mode: 0o700 });
    try {
      return config.Tty ? await startTerminalExec(setting) : await startExec(setting);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async function start(id: string, record: ContainerRecord, input: boolean): Promise<ExecProcess> {
    const { config } = inspect(id);
    update(id, { running: true });
    options.emit(`exec_start: ${shownCommand(config)}`, record, { execID: id });
    let process: ExecProcess;
    try {
      process = await begin(id, record, config, input);
    } catch (error) {
      update(id, { running: false, exitCode: (error instanceof StrataError ? error.exitCode : undefined) ?? 126 });
      throw error;
    }
    update(id, { pid: process.pid });
    void process.exit.then((exitCode) => {
      update(id, { running: false, exitCode, pid: 0 });
      options.emit('exec_die', record, { execID: id, exitCode: String(exitCode) });
    });
    void Promise.all([process.exit, process.done]).then(() => rmSync(folderOf(id), { recursive: true, force: true }));
    return process;
  }

  const execs: Execs = {
    async create(ref, config) {
      const record = await required(ref);
      if (!config.Cmd?.length)
        throw new StrataError('invalid_argument', 'No exec command specified', { code: 'no_command' });
      documentText('the exec', config);
      checkUser(record, config.User ?? '', options.rootOf(record.id));
      const id = randomBytes(32).toString('hex');
      for (const [old, state] of states) {
        if (states.size < remembered) break;
        if (!state.running) states.delete(old);
      }
      states.set(id, { id, containerID: record.id, config, running: false, exitCode: null, pid: 0 });
      options.emit(`exec_create: ${shownCommand(config)}`, record, { execID: id });
      return inspect(id);
    },
    async start(ref, { detach, tty, consoleSize }) {
      const state = inspect(ref);
      if (state.running) throw begunBefore(state, 'is already running');
      if (state.exitCode !== null) throw begunBefore(state, 'has already run');
      const record = await required(state.containerID);
      const config: ExecConfig = {
        ...state.config,
        Tty: state.config.Tty || tty,
        ...(consoleSize && { ConsoleSize: consoleSize }),
      };
      update(state.id, { config });
      const process = await start(state.id, record, !detach && (config.AttachStdin ?? false));
      if (!detach) return endedWith(process.attachment, process.exit);
      process.attachment.detach();
      return null;
    },
    async resize(ref, rows, columns) {
      const { id, running, containerID } = inspect(ref);
      if (!running) throw new StrataError('conflict', `exec ${id} of container ${containerID} is not running`);
      if (existsSync(folderOf(id))) resizeTerminal(folderOf(id), rows, columns);
    },
    inspect,
    ended(containerID) {
      for (const { id, running, exitCode } of of(containerID)) if (!running && exitCode === null) states.delete(id);
    },
    forget(containerID) {
      for (const { id } of of(containerID)) states.delete(id);
    },
    ids: (containerID) => of(containerID).flatMap(({ id, exitCode }) => (exitCode === null ? [id] : [])),
    async check(containerID, command, signal) {
      const { id } = await execs.create(containerID, { Cmd: command });
      const process = await start(id, await required(containerID), false).catch((error: unknown) => messageOf(error));
      if (typeof process === 'string') return { exitCode: inspect(id).exitCode ?? 1, output: process };
      const said = firstOutput();
      const { promise: tooLong, resolve } = Promise.withResolvers<{ exitCode: number; output: string }>();
      const end = () => {
        process.kill();
        // What it started may hold its output open for as long as the container lives.
        process.attachment.detach();
        resolve({ exitCode: -1, output: said.text() });
      };
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      try {
        return await Promise.race([checkResult(process, said), tooLong]);
      } finally {
        signal.removeEventListener('abort', end);
      }
    },
  };
  return execs;
}

function begunBefore({ id }: ExecState, what: string): StrataError {
  return new StrataError('conflict', `exec command ${id} ${what}`, { code: 'exec_started' });
}

interface FirstOutput {
  add(data: Uint8Array): void;
  text(): string;
}

function firstOutput(): FirstOutput {
  const most = 4096;
  const output: Buffer[] = [];
  let size = 0;
  return {
    add(data) {
      if (size < most) output.push(Buffer.from(data));
      size += data.length;
    },
    text: () => Buffer.concat(output).toString('utf8').slice(0, most),
  };
}

async function checkResult(
  { attachment, exit }: ExecProcess,
  said: FirstOutput,
): Promise<{ exitCode: number; output: string }> {
  for await (const { data } of attachment.output) said.add(data);
  return { exitCode: await exit, output: said.text() };
}

/** Whoever has seen the end of the output may ask for the exit code. */
function endedWith(attachment: Attachment, exit: Promise<number>): Attachment {
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  async function* output(): Attachment['output'] & AsyncGenerator {
    yield* attachment.output;
    await Promise.race([exit, left]);
  }
  const detach = () => {
    attachment.detach();
    leave();
  };
  return { ...attachment, output: output(), detach };
}
