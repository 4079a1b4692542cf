import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { StrataError } from '../errors/index.ts';
import { drained } from '../stream/index.ts';
import { percentEncoded } from '../sys/index.ts';
import { answerError } from './answer-error.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { readLines } from './lines.ts';

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface CallOptions {
  /** Absent and `undefined` values are left out; lists are repeated. */
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it comes. */
  readonly body?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** The body of an answer as it comes; `unavailable` where the daemon goes away in the middle of it. */
export interface Answer extends AsyncIterable<Uint8Array> {
  readonly headers: IncomingHttpHeaders;
}

/** HTTP to one daemon. Every method rejects with a StrataError: the daemon's own words have a code `http_STATUS`. */
export interface Transport {
  readonly endpoint: Endpoint;
  /** Any answer below 400; its body is the caller's to read. */
  send(method: string, path: string, options?: CallOptions): Promise<Answer>;
  text(method: string, path: string, options?: CallOptions): Promise<string>;
  json<T>(method: string, path: string, options?: CallOptions): Promise<T>;
  /** An answer with one JSON document a line, as it comes. */
  lines<T>(method: string, path: string, options?: CallOptions): AsyncGenerator<T>;
  /** Turns the connection into a raw stream in both directions; what the daemon had sent already is still to be read. */
  hijack(path: string, options?: CallOptions): Promise<Duplex>;
  /** Ends what is under way, raw streams, too; whatever is asked for later is `cancelled`. */
  close(): void;
}

/** Answers that are read whole are bounded; listings of many thousand objects fit. */
const maxAnswer = 256 * 1024 * 1024;

export function createTransport(endpoint: Endpoint): Transport {
  const agent = new Agent({ keepAlive: true });
  const raw = new Set<Duplex>();
  let closed = false;

  async function send(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    refuseClosed();
    const request = await open(endpoint, agent, method, path, options);
    const answer = answerOf(request, endpoint, options.signal);
    // The daemon may answer, and hang up, before it has read the whole body: its answer is what counts then.
    const sending = sendBody(request, options).catch((error: unknown) => error);
    const response = await answer.catch(async (error: unknown) => {
      const sent = await sending;
      throw sent instanceof StrataError ? sent : error;
    });
    const body = bytesOf(response, endpoint);
    if ((response.statusCode ?? 0) >= 400) throw answerError(response.statusCode ?? 0, await readText(body));
    return { headers: response.headers, [Symbol.asyncIterator]: () => body };
  }

  const text: Transport['text'] = async (method, path, options) => readText(await send(method, path, options));

  return {
    endpoint,
    send,
    text,
    async json<T>(method: string, path: string, options?: CallOptions): Promise<T> {
      const body = await text(method, path, options);
      if (body === '') return undefined as T;
      try {
        return JSON.parse(body) as T;
      } catch (cause) {
        throw new StrataError('data_loss', `the daemon answered ${method} ${path} with broken JSON`, { cause });
      }
    },
    async *lines<T>(method: string, path: string, options?: CallOptions) {
      yield* readLines<T>(await send(method, path, options));
    },
    async hijack(path, options) {
      refuseClosed();
      const stream = await hijack(endpoint, path, options ?? {});
      raw.add(stream);
      stream.once('close', () => raw.delete(stream));
      if (closed) stream.destroy();
      return stream;
    },
    close() {
      closed = true;
      agent.destroy();
      for (const stream of raw) stream.destroy();
    },
  };

  function refuseClosed(): void {
    if (closed) throw new StrataError('cancelled', 'context canceled');
  }
}

async function open(
  endpoint: Endpoint,
  agent: Agent | false,
  method: string,
  path: string,
  options: CallOptions,
): Promise<ClientRequest> {
  const settings: RequestOptions = {
    method,
    path: path + queryText(options.query),
    agent,
    headers: {
      Host: endpoint.kind === 'unix' ? 'strata' : endpoint.host,
      ...(options.json !== undefined && { 'Content-Type': 'application/json' }),
      ...options.headers,
    },
    ...(options.signal && { signal: options.signal }),
    // Without it, node works one out for TLS, for which it compiles a large expression: 6 ms.
    ...(endpoint.kind === 'unix' && { servername: '' }),
  };
  if (endpoint.kind === 'unix') return httpRequest({ ...settings, socketPath: endpoint.path });
  const address = { ...settings, host: endpoint.host, port: endpoint.port };
  if (!endpoint.tls) return httpRequest(address);
  const { ca, cert, key, verify } = endpoint.tls;
  const { request: httpsRequest } = await import('node:https');
  return httpsRequest({
    ...address,
    agent: false,
    rejectUnauthorized: verify ?? true,
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
  });
}

async function sendBody(request: ClientRequest, { json, body }: CallOptions): Promise<void> {
  if (body === undefined) {
    request.end(json === undefined ? undefined : JSON.stringify(json));
    return;
  }
  for await (const chunk of body) {
    if (request.destroyed || request.writableEnded) return;
    if (!request.write(chunk)) await drained(request);
  }
  request.end();
}

function answerOf(
  request: ClientRequest,
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', (error) => reject(connectionError(error, endpoint, signal)));
  });
}

function hijack(endpoint: Endpoint, path: string, options: CallOptions): Promise<Duplex> {
  const headers = { Connection: 'Upgrade', Upgrade: 'tcp', ...options.headers };
  return open(endpoint, false, 'POST', path, { ...options, headers }).then(
    (request) =>
      new Promise<Duplex>((resolve, reject) => {
        request.once('upgrade', (_response: IncomingMessage, socket: Socket, head: Buffer) => {
          if (head.length > 0) socket.unshift(head);
          resolve(socket);
        });
        request.once('response', (response: IncomingMessage) => {
          readText(response).then(
            (text) => reject(answerError(response.statusCode ?? 0, text)),
            (error: unknown) => reject(error),
          );
        });
        request.on('error', (error) => reject(connectionError(error, endpoint, options.signal)));
        request.end(options.json === undefined ? undefined : JSON.stringify(options.json));
      }),
  );
}

/** Turns a failure of the connection itself into words; what says who failed stays the cause. */
function connectionError(
  error: NodeJS.ErrnoException,
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
): StrataError {
  if (signal?.aborted || error.name === 'AbortError') {
    return new StrataError('cancelled', 'context canceled', { cause: error, exitCode: 130 });
  }
  const at = formatEndpoint(endpoint);
  if (error.code === 'EACCES') {
    return new StrataError(
      'permission_denied',
      `permission denied while trying to connect to the Strata daemon socket at ${at}`,
      {
        code: 'socket_denied',
        hint: 'run the command with sudo, or join the group that the daemon was started with',
        cause: error,
      },
    );
  }
  if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') {
    return new StrataError(
      'unavailable',
      `Cannot connect to the Strata daemon at ${at}. Is the strata daemon running?`,
      {
        code: 'no_daemon',
        cause: error,
      },
    );
  }
  return new StrataError('unavailable', `error during connect: ${at}: ${error.message}`, {
    code: 'connection',
    cause: error,
  });
}

async function* bytesOf(response: IncomingMessage, endpoint: Endpoint): AsyncGenerator<Uint8Array> {
  try {
    yield* response as AsyncIterable<Uint8Array>;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ECONNRESET') throw cause;
    throw new StrataError(
      'unavailable',
      `the Strata daemon at ${formatEndpoint(endpoint)} went away in the middle of its answer`,
      { code: 'connection', cause },
    );
  }
}

async function readText(answer: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += chunk.length;
    if (size > maxAnswer) throw new StrataError('data_loss', 'the answer of the daemon is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function queryText(query: Query | undefined): string {
  if (!query) return '';
  const pairs: string[] = [];
  const add = (name: string, value: string) => pairs.push(`${name}=${percentEncoded(value)}`);
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (typeof value === 'object') for (const one of value) add(name, one);
    else add(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
  }
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
