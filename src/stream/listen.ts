import type { ListenOptions, Server } from 'node:net';
import { messageOf, StrataError } from '../errors/index.ts';

/** Resolves when the server listens; `unavailable` (`cannot_listen`) where it cannot. */
export function listen(server: Server, at: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const message = `cannot listen on ${at.path ?? `${at.host}:${at.port}`}: ${messageOf(cause)}`;
      reject(new StrataError('unavailable', message, { code: 'cannot_listen', cause }));
    };
    server.once('error', fail);
    server.listen(at, () => {
      server.off('error', fail);
      // A connection that cannot be taken, for want of descriptors: the next one may be.
      server.on('error', () => {});
      resolve();
    });
  });
}

/** Listens on a unix socket that only its owner may connect to, from the moment when it is there. */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  // bind(2) happens inside listen(): what is set after it comes too late.
  const umask = process.umask(0o177);
  try {
    await listen(server, { path });
  } finally {
    process.umask(umask);
  }
}
