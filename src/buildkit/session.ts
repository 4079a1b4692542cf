import { type ClientHttp2Session, connect } from 'node:http2';
import type { Duplex } from 'node:stream';
import { create } from '@bufbuild/protobuf';
import { StrataError } from '../errors/index.ts';
import { callOnce } from './rpc-client.ts';
import { Auth, CredentialsRequestSchema } from './wire/auth_pb.ts';
import { GetSecretRequestSchema, Secrets } from './wire/secrets_pb.ts';

/**
 * A client's side of its builds: over `POST /session` the client serves its files, secrets, credentials and agents,
 * and the engine calls.
 */
export interface ClientSession {
  readonly id: string;
  /** The same for all sessions of one user's folder; may be empty. */
  readonly sharedKey: string;
  readonly connection: ClientHttp2Session;
  /** undefined where the client has none of that id. */
  secret(id: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  credentials(
    host: string,
    signal: AbortSignal,
  ): Promise<{ readonly username?: string; readonly password?: string; readonly identitytoken?: string } | undefined>;
}

export function openSession(id: string, sharedKey: string, socket: Duplex): ClientSession {
  const connection = connect('http://session', {
    createConnection: () => socket,
    settings: { initialWindowSize: 1 << 20, enablePush: false },
  });
  connection.on('connect', () => connection.setLocalWindowSize(8 << 20));
  connection.on('error', () => connection.destroy());
  return {
    id,
    sharedKey,
    connection,
    async secret(secret, signal) {
      const request = create(GetSecretRequestSchema, { ID: secret });
      return (await callOnce(connection, Secrets.method.getSecret, request, signal))?.data;
    },
    async credentials(host, signal) {
      const request = create(CredentialsRequestSchema, { host });
      const answer = await callOnce(connection, Auth.method.credentials, request, signal);
      if (!answer || (answer.username === '' && answer.secret === '')) return undefined;
      return answer.username === ''
        ? { identitytoken: answer.secret }
        : { username: answer.username, password: answer.secret };
    },
  };
}

/** Sessions by id. A build names its session, which may come a moment after it. */
export class Sessions {
  readonly #open = new Map<string, ClientSession>();
  readonly #waiting = new Map<string, Set<(session: ClientSession) => void>>();

  add(session: ClientSession): void {
    this.#open.set(session.id, session);
    session.connection.once('close', () => {
      if (this.#open.get(session.id) === session) this.#open.delete(session.id);
    });
    for (const wake of this.#waiting.get(session.id) ?? []) wake(session);
    this.#waiting.delete(session.id);
  }

  has(id: string): boolean {
    return this.#open.has(id);
  }

  async find(id: string, signal: AbortSignal): Promise<ClientSession> {
    const known = this.#open.get(id);
    if (known) return known;
    return await new Promise<ClientSession>((resolve, reject) => {
      const wakes = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, wakes);
      const end = AbortSignal.any([signal, AbortSignal.timeout(5000)]);
      const wake = (session: ClientSession) => {
        end.removeEventListener('abort', giveUp);
        resolve(session);
      };
      const giveUp = () => {
        wakes.delete(wake);
        if (wakes.size === 0) this.#waiting.delete(id);
        reject(new StrataError('not_found', `no active session for ${id}: context deadline exceeded`));
      };
      wakes.add(wake);
      end.addEventListener('abort', giveUp, { once: true });
    });
  }

  close(): void {
    for (const { connection } of this.#open.values()) connection.destroy();
  }
}
