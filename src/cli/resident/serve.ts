import { EventEmitter } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { constants, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { messageOf } from '../../errors/index.ts';
import { drained, listenPrivately } from '../../stream/index.ts';
import { main } from '../main.ts';
import { processNeeded, type Session } from '../session.ts';
import { frames, readSignals, send } from './frames.ts';
import { type CommandRequest, maxRequest, parseRequest, placeOf, type TerminalSize } from './request.ts';

/** How long a request may take to arrive, in milliseconds. */
const patience = 10_000;
/** `sun_path` of unix(7), with the zero at its end. */
const maxSocketPath = 108;

/**
 * Runs short commands of the command line in this process, the daemon, for callers who would otherwise wait for the
 * start of Node.js longer than for their answer. Root alone may connect: a command reads files of its caller's.
 */
export async function serveCommands(apiSocket: string): Promise<{ close(): void }> {
  const path = commandSocket(apiSocket);
  if (Buffer.byteLength(path) >= maxSocketPath) return { close() {} };
  const place = placeOf(process.argv[1]!);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // A caller who is gone; what was under way for it hears of that by `close`.
    socket.on('error', () => {});
    void receive(socket).then((request) =>
      request ? answer(socket, request, { apiSocket, place }) : void socket.destroy(),
    );
  });
  // The socket of the API is this daemon's, so nobody else serves this one.
  rmSync(path, { force: true });
  await listenPrivately(server, path);
  return {
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** `strata-commands.sock` beside `strata.sock`; the launcher knows the rule. */
export function commandSocket(apiSocket: string): string {
  return `${apiSocket.replace(/\.sock$/, '')}-commands.sock`;
}

function receive(socket: Socket): Promise<CommandRequest | undefined> {
  return new Promise((done) => {
    let bytes = Buffer.alloc(0);
    const end = (request: CommandRequest | undefined) => {
      // Nothing follows before an answer, but the end of the connection still has to be heard.
      socket.off('data', onData).setTimeout(0).resume();
      done(request);
    };
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < 4) return;
      const length = bytes.readUInt32BE(0);
      if (length > maxRequest) end(undefined);
      else if (bytes.length >= 4 + length) end(parseRequest(bytes.subarray(4, 4 + length)));
    };
    socket.on('data', onData);
    socket.setTimeout(patience, () => end(undefined));
    socket.once('close', () => end(undefined));
  });
}

async function answer(
  socket: Socket,
  request: CommandRequest,
  here: { readonly apiSocket: string; readonly place: string },
): Promise<void> {
  const code = isSame(request, here.place)
    ? await main(request.args, sessionOf(socket, request, here.apiSocket)).catch((error: unknown) => {
        send(socket, frames.stderr, Buffer.from(`strata: ${messageOf(error)}\n`));
        return 1;
      })
    : processNeeded;
  if (code === processNeeded) send(socket, frames.declined);
  else send(socket, frames.exit, Buffer.of(code));
  socket.end();
}

/** Whether a process of the caller's would do the same as this one. */
function isSame({ env, place: theirs }: CommandRequest, place: string): boolean {
  return theirs === place && env['TZ'] === process.env['TZ'];
}

function sessionOf(socket: Socket, { cwd, env, stderr, stdout }: CommandRequest, apiSocket: string): Session {
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  const outputs = [outputTo(socket, frames.stdout, stdout), outputTo(socket, frames.stderr, stderr)] as const;
  const signals = new EventEmitter<Record<string, []>>();
  // All of one stroke in one frame: a command that passes signals on listens to nine.
  let telling = false;
  const tellListens = () => {
    if (telling) return;
    telling = true;
    queueMicrotask(() => {
      telling = false;
      send(socket, frames.listens, Buffer.from(signals.eventNames().map((name) => constants.signals[name as never])));
    });
  };
  readSignals(socket, ({ columns, name, number, rows }) => {
    if (name === 'SIGWINCH') for (const output of outputs) output.resize({ columns, rows });
    else signals.emit(name);
    send(socket, frames.heard, Buffer.of(number));
  });
  return {
    env,
    cwd,
    stdin: Readable.from([]),
    stdout: outputs[0],
    stderr: outputs[1],
    configDir: resolve(cwd, env['DOCKER_CONFIG'] || join(env['HOME'] || userInfo().homedir, '.docker')),
    debug: false,
    calledAt: Date.now(),
    resident: { gone: gone.signal, socket: apiSocket },
    onSignal(signal, listener) {
      signals.on(signal, listener);
      tellListens();
      return () => {
        signals.off(signal, listener);
        tellListens();
      };
    },
    exit(code) {
      send(socket, frames.exit, Buffer.of(code));
      socket.end();
    },
  };
}

function outputTo(socket: Socket, kind: number, terminal: TerminalSize | undefined) {
  const resizes = new EventEmitter();
  let size = terminal;
  return {
    isTTY: terminal !== undefined,
    get columns() {
      return size?.columns;
    },
    get rows() {
      return size?.rows;
    },
    write: (data: string | Uint8Array) => send(socket, kind, typeof data === 'string' ? Buffer.from(data) : data),
    async drained() {
      if (socket.writableNeedDrain) await drained(socket);
    },
    onResize(listener: () => void) {
      resizes.on('resize', listener);
      return () => resizes.off('resize', listener);
    },
    resize(now: TerminalSize) {
      if (!terminal) return;
      size = now;
      resizes.emit('resize');
    },
  };
}
