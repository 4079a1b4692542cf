import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveUser } from '../account/index.ts';
import { messageOf, StrataError } from '../errors/index.ts';
import { createAttachment } from './attach.ts';
import { capabilitySet } from './capabilities.ts';
import { processEnvironment } from './configure.ts';
import { startConmon } from './conmon.ts';
import { type ContainerRecord, isRunning } from './record.ts';
import type { RuntimeFacts } from './runtime.ts';
import { startFailure } from './start-failure.ts';
import type { ContainerEvent, Containers, ExecConfig, ExecState } from './types.ts';

export interface ExecOptions {
  readonly stateRoot: string;
  readonly runtime: () => RuntimeFacts;
  readonly get: (ref: string) => ContainerRecord;
  readonly rootOf: (id: string) => string;
  readonly emit: (
    action: ContainerEvent['action'],
    container: ContainerRecord,
    attributes?: Readonly<Record<string, string>>,
  ) => void;
}

export type Execs = Containers['exec'] & {
  /** Runs a health check: exit code and the first 4 KiB of output; an abort ends it. */
  check(
    containerID: string,
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly output: string }>;
};

interface Running extends ExecState {
  readonly listeners: Set<() => void>;
}

/** How many ended execs are remembered for `inspect`. */
const remembered = 1000;

export function createExecs(options: ExecOptions): Execs {
  const root = join(options.stateRoot, 'execs');
  // Execs do not survive the daemon's view of them: what an earlier one left is swept.
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const states = new Map<string, Running>();

  function update(id: string, patch: Partial<ExecState>): void {
    const next = { ...states.get(id)!, ...patch };
    states.set(id, next);
    for (const listener of [...next.listeners]) listener();
  }

  function inspect(id: string): Running {
    const state = states.get(id) ?? [...states.values()].find((one) => id.length >= 12 && one.id.startsWith(id));
    if (state) return state;
    throw new StrataError('not_found', `No such exec instance: ${id}`, { code: 'exec_not_found' });
  }

  function required(ref: string): ContainerRecord {
    const record = options.get(ref);
    if (record.state.status === 'paused')
      throw new StrataError('conflict', `Container ${ref} is paused, unpause the container before exec`);
    if (!isRunning(record))
      throw new StrataError('conflict', `container ${record.id} is not running`, { code: 'not_running' });
    return record;
  }

  async function begin(
    state: Running,
    record: ContainerRecord,
  ): Promise<{ readonly folder: string; readonly log: string }> {
    const { config, id } = state;
    const facts = options.runtime();
    const folder = join(root, id.slice(0, 16));
    // Not `exit`: that is the file which conmon itself writes into its folder.
    const exits = join(folder, 'exits');
    mkdirSync(exits, { recursive: true, mode: 0o700 });
    const log = join(folder, 'log');
    writeFileSync(log, '');
    const user = resolveUser(
      options.rootOf(record.id),
      config.User || record.config.User || '',
      config.User ? [] : (record.host.GroupAdd ?? []),
    );
    const capabilities = capabilitySet({
      privileged: config.Privileged || record.host.Privileged || false,
      add: record.host.CapAdd ?? [],
      drop: record.host.CapDrop ?? [],
      available: facts.capabilities,
    });
    const env = processEnvironment(
      { ...record.config, Env: [...(record.config.Env ?? []), ...(config.Env ?? [])], Tty: config.Tty ?? false },
      user.home,
    );
    const held = user.uid === 0 ? capabilities : [];
    const spec = join(folder, 'process.json');
    await writeFile(
      spec,
      JSON.stringify({
        terminal: config.Tty ?? false,
        user: { uid: user.uid, gid: user.gid, additionalGids: [user.gid, ...user.groups] },
        args: config.Cmd,
        env,
        cwd: config.WorkingDir || record.config.WorkingDir || '/',
        capabilities: { bounding: capabilities, effective: held, permitted: held },
        noNewPrivileges: false,
      }),
      { mode: 0o600 },
    );
    const watcher = watch(exits, () => finish());
    // The watch may miss an exit that comes before it is set up.
    const look = setInterval(() => finish(), 500);
    const stopWatching = () => {
      watcher.close();
      clearInterval(look);
    };
    const finish = () => {
      const file = existsSync(exits) ? readdirSync(exits).find((name) => !name.includes('.')) : undefined;
      if (
        file === undefined &&
        isRunning(safeGet(record.id) ?? { ...record, state: { ...record.state, status: 'exited' } })
      )
        return;
      const code = file === undefined ? 137 : Number(readFileSync(join(exits, file), 'utf8'));
      stopWatching();
      update(id, { running: false, exitCode: code, pid: 0 });
      options.emit('exec_die', record, { execID: id, exitCode: String(code) });
      setTimeout(() => rmSync(folder, { recursive: true, force: true }), 2000).unref();
    };
    try {
      const pid = await startConmon(facts, {
        id: record.id,
        uuid: id,
        name: record.name,
        folder,
        exitDir: exits,
        logPath: log,
        tty: config.Tty ?? false,
        stdin: config.AttachStdin ?? false,
        leaveStdinOpen: false,
        execSpec: spec,
      });
      update(id, { running: true, pid });
      options.emit('exec_start', record, { execID: id });
      finish();
    } catch (error) {
      stopWatching();
      const failure = startFailure(messageOf(error), config.Cmd[0] ?? '', true);
      update(id, { running: false, exitCode: failure.exitCode ?? 126 });
      rmSync(folder, { recursive: true, force: true });
      throw failure;
    }
    return { folder, log };
  }

  function safeGet(id: string): ContainerRecord | undefined {
    try {
      return options.get(id);
    } catch {
      return undefined;
    }
  }

  const execs: Execs = {
    async create(ref, config) {
      const record = required(ref);
      if (!config.Cmd?.length)
        throw new StrataError('invalid_argument', 'No exec command specified', { code: 'no_command' });
      const id = randomBytes(32).toString('hex');
      for (const [old, state] of states) {
        if (states.size < remembered) break;
        if (!state.running && state.exitCode !== null) states.delete(old);
      }
      states.set(id, {
        id,
        containerID: record.id,
        config,
        running: false,
        exitCode: null,
        pid: 0,
        listeners: new Set(),
      });
      options.emit('exec_create', record, { execID: id });
      return execs.inspect(id);
    },
    async start(ref, { detach, tty }) {
      const state = inspect(ref);
      if (state.running || state.exitCode !== null)
        throw new StrataError('conflict', `Error: Exec command ${state.id} has already run`, { code: 'exec_started' });
      const record = required(state.containerID);
      const config: ExecConfig = { ...state.config, Tty: state.config.Tty || tty };
      update(state.id, { config });
      const { folder, log } = await begin(states.get(state.id)!, record);
      if (detach) return null;
      const ended = () => states.get(state.id)?.exitCode !== null;
      return createAttachment({
        logPath: log,
        from: 0,
        tty: config.Tty ?? false,
        stdin: config.AttachStdin ?? false,
        stdout: true,
        stderr: true,
        socket: join(folder, 'attach'),
        ended,
        started: async () => undefined,
        onWake: (wake) => {
          const { listeners } = states.get(state.id)!;
          listeners.add(wake);
          return () => listeners.delete(wake);
        },
      });
    },
    async resize(ref, rows, columns) {
      const state = inspect(ref);
      await writeFile(join(root, state.id.slice(0, 16), 'winsz'), `${rows} ${columns}\n`).catch(() => undefined);
    },
    inspect(ref) {
      const { listeners: _, ...state } = inspect(ref);
      return state;
    },
    async check(containerID, command, signal) {
      const { id } = await execs.create(containerID, { Cmd: command });
      const attachment = (await execs.start(id, { detach: false, tty: false }))!;
      const stop = () => attachment.detach();
      signal.addEventListener('abort', stop, { once: true });
      let output = '';
      for await (const chunk of attachment.output)
        if (output.length < 4096) output += Buffer.from(chunk.data).toString('utf8');
      if (signal.aborted) {
        const { pid } = execs.inspect(id);
        if (pid > 0) killQuietly(pid);
        throw new StrataError('unavailable', 'Health check exceeded timeout');
      }
      return { exitCode: execs.inspect(id).exitCode ?? 1, output: output.slice(0, 4096) };
    },
  };
  return execs;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
