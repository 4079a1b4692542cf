import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, errors } from 'undici';
import { StrataError } from '../errors/index.ts';
import type { Dispatchers } from './dispatchers.ts';
import { limits } from './limits.ts';
import { isBroken, networkError } from './network-error.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

export interface Request {
  readonly method: Method;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called for each try, so that a body can be sent again. */
  readonly body?: () => Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
  /** Set for what must not be repeated here, since a repetition needs to look where it stands first. */
  readonly once?: boolean;
}

export interface Reply {
  readonly status: number;
  /** Names in lower case; of repeated headers the values joined. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Must be read, or let go with {@link discard}. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly url: URL;
  /** Reads and drops the rest, so that the connection can be used again. */
  discard(): Promise<void>;
}

/** How often and how patiently something is tried again. */
export interface RetryPolicy {
  /** Tries after the first. */
  readonly retries: number;
  /** First pause, milliseconds; each further one is twice as long, at most 15 s. */
  readonly pause: number;
}

/** Sends requests; one that breaks, or that the server puts off (408, 429, 5xx), is sent again. */
export interface Transport {
  send(request: Request): Promise<Reply>;
  readonly retry: RetryPolicy;
}

export function createTransport(parts: {
  readonly dispatchers: Dispatchers;
  readonly retry: RetryPolicy;
  readonly userAgent: string;
}): Transport {
  const { dispatchers, retry, userAgent } = parts;

  async function sendOnce({ method, url, headers, body, signal }: Request): Promise<Reply> {
    signal?.throwIfAborted();
    try {
      const payload = body?.();
      const data = await dispatchers.for(url).request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        // Left to itself, undici closes the connection after a HEAD: another handshake for each blob that is asked for.
        reset: false,
        headers: { 'user-agent': userAgent, ...headers },
        body: (payload ?? null) as Readable | null,
        ...(signal && { signal }),
        // What piles up here is copied into one; the kernel holds what comes meanwhile.
        highWaterMark: 128 * 1024,
      });
      return toReply(data, method, url, signal);
    } catch (error) {
      throw transportError(error, method, url, signal);
    }
  }

  return {
    retry,
    async send(request) {
      for (let tried = 0; ; tried++) {
        const mayRetry = tried < retry.retries && !request.once;
        let wait = pauseBefore(retry, tried);
        try {
          const reply = await sendOnce(request);
          if (!mayRetry || !isPutOff(reply.status)) return reply;
          const asked = retryAfter(reply.headers['retry-after']);
          if (asked !== undefined && asked > limits.retryAfter * 1000) return reply;
          wait = Math.max(asked ?? 0, wait);
          await reply.discard();
        } catch (error) {
          if (!mayRetry || !isBroken(error)) throw error;
        }
        await pause(wait, request.signal);
      }
    },
  };
}

/** A pause that grows, with some chance in it: many clients must not come back in step. */
export function pauseBefore(retry: RetryPolicy, tried: number): number {
  return Math.min(15_000, retry.pause * 2 ** tried) * (0.75 + Math.random() / 2);
}

export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {});
  } catch (cause) {
    throw new StrataError('cancelled', 'cancelled', { cause });
  }
}

export function isPutOff(status: number): boolean {
  return status === 408 || status === 429 || status === 500 || (status >= 502 && status <= 504);
}

/** Retry-After (RFC 9110 section 10.2.3), seconds or a date, in milliseconds from now. */
export function retryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header.trim()) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function toReply(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  method: Method,
  url: URL,
  signal: AbortSignal | undefined,
): Reply {
  const flat: Record<string, string | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      yield* body as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw transportError(error, method, url, signal);
    }
  }
  // A body that is given up before it is read must not surface as an unhandled error.
  body.on('error', () => {});
  return {
    status: statusCode,
    headers: flat,
    body: { [Symbol.asyncIterator]: chunks },
    url,
    discard: () => body.dump({ limit: limits.errorBody }).catch(() => {}),
  };
}

function transportError(error: unknown, method: Method, url: URL, signal: AbortSignal | undefined): unknown {
  if (error instanceof StrataError) return error;
  if (signal?.aborted) return new StrataError('cancelled', 'cancelled', { cause: error });
  if (error instanceof errors.InvalidArgumentError) return error;
  return networkError(method, url, error);
}
