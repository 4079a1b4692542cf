import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { StrataError } from '../errors/index.ts';
import type { Shape } from './shape.ts';

/** Most bytes of a JSON body: it is read on the main loop, and what is kept of it is half as large (see `documentLimit`). */
export const jsonLimit = 2 * 1024 * 1024;

/** The raw body, unread. Every content type comes this way: see the catch-all parser in `server.ts`. */
export function bodyStream(request: FastifyRequest): Readable {
  return (request.body as Readable | undefined) ?? request.raw;
}

/** The body against `shape`; an empty body is `{}` unless `required`. */
export async function readJson<T>(
  request: FastifyRequest,
  shape: Shape<T>,
  options: { readonly required?: boolean; readonly limit?: number } = {},
): Promise<T> {
  const bytes =
    request.body === undefined ? Buffer.alloc(0) : await readBounded(bodyStream(request), options.limit ?? jsonLimit);
  if (bytes.length === 0) {
    if (options.required) throw badJson('invalid JSON: got EOF while reading request body');
    return shape({}, '')!;
  }
  assertJsonType(request.headers['content-type']);
  const value = parse(bytes);
  return shape(value ?? {}, '')!;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw badJson(`invalid JSON: ${(cause as Error).message}`, cause);
  }
}

// A page in a browser can send text/plain and forms across origins, but not application/json.
function assertJsonType(header: string | undefined): void {
  const type = (header ?? '').split(';')[0]!.trim().toLowerCase();
  if (type === 'application/json' || type === '') return;
  throw badJson(`unsupported Content-Type header (${type}): must be 'application/json'`);
}

function badJson(message: string, cause?: unknown): StrataError {
  return new StrataError('invalid_argument', message, { code: 'invalid_json', cause });
}

export async function readBounded(source: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > limit) {
      throw new StrataError('invalid_argument', `request body is larger than ${limit} bytes`, {
        code: 'body_too_large',
        hint: 'keep large data in files',
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
