import { chmodSync, chownSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { StrataError } from '../errors/index.ts';
import { listen, listenPrivately } from '../stream/index.ts';
import { groupId, letGroupThrough } from './group-access.ts';
import { markRawStreams } from './raw-streams.ts';
import type { ListenOptions, UnixListenOptions } from './types.ts';
import { handleUpgrades, wantsUpgrade } from './upgrade.ts';

/** Bytes of a request's first line and headers. */
const headerLimit = 1024 * 1024;

// A build context or an image archive may take longer to arrive than any fixed time; headers may not.
const serverOptions = {
  requestTimeout: 0,
  headersTimeout: 60_000,
  // As much as Docker takes: `build` has its arguments and labels in the address.
  maxHeaderSize: headerLimit,
  shouldUpgradeCallback: wantsUpgrade,
};

/** A socket that is being served. */
export interface Listener {
  close(): Promise<void>;
}

export async function startListener(options: ListenOptions, route: RequestListener): Promise<Listener> {
  const server = 'tcp' in options ? createSecureServer(options.tcp.tls, route) : createServer(serverOptions, route);
  markRawStreams(server, 'tcp' in options ? 'secureConnection' : 'connection');
  server.on('clientError', answerClientError);
  handleUpgrades(server, route);
  const open = trackConnections(server);
  await ('tcp' in options
    ? listen(server, { host: options.tcp.host, port: options.tcp.port })
    : listenUnix(server, options));
  return { close: () => closeServer(server, open) };
}

function createSecureServer(
  tls: { ca: string | Buffer; cert: string | Buffer; key: string | Buffer },
  route: RequestListener,
): Server {
  return createTlsServer(
    { ...serverOptions, ...tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    route,
  );
}

async function listenUnix(server: Server, at: UnixListenOptions): Promise<void> {
  await clearStaleSocket(at.socketPath);
  const gid = at.group === undefined ? undefined : groupId(at.group);
  await listenPrivately(server, at.socketPath);
  if (gid !== undefined) chownSync(at.socketPath, 0, gid);
  chmodSync(at.socketPath, at.mode);
  if (gid === undefined) return;
  const closed = letGroupThrough(at.socketPath, gid, at.ownFolder);
  if (closed !== undefined)
    at.warn?.(
      `members of group ${at.group} cannot reach ${at.socketPath}: ${closed} is closed to them; open it with chmod o+x ${closed}, or choose another place with --socket`,
    );
}

/** A socket file that nobody answers on was left by a process that died. */
async function clearStaleSocket(path: string): Promise<void> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new StrataError('failed_precondition', `${path} exists and is not a socket`);
  if (await answers(path)) {
    throw new StrataError('failed_precondition', `another daemon already listens on ${path}`, {
      code: 'already_running',
    });
  }
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Anything else, such as a queue that is full, is a sign of life.
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [
          '431 Request Header Fields Too Large',
          `the address and headers of the request are larger than ${headerLimit} bytes`,
        ]
      : ['400 Bad Request', 'malformed HTTP request'];
  const body = JSON.stringify({ message });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function trackConnections(server: Server): Set<Duplex> {
  const open = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

async function closeServer(server: Server, open: Set<Duplex>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // Followers of logs and events would hold the daemon for ever; the last answers get a moment to leave.
  const cut = setTimeout(() => {
    for (const socket of open) socket.destroy();
  }, 500);
  await closed;
  clearTimeout(cut);
}
