import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { type DescMessage, type DescMethod, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { StrataError } from '../errors/index.ts';
import { drained } from '../stream/index.ts';

/** Longest message that a peer may send, bytes. */
const longest = 64 << 20;
const prefix = 5;

/** gRPC status code UNIMPLEMENTED: the other side does not have the service. */
const unimplemented = 12;
const notFound = 5;
const alreadyExists = 6;

/** One call: what is written and what is read, in order. */
export interface Call<I extends DescMessage, O extends DescMessage> {
  /** Resolves when the other side is ready for more. */
  send(message: MessageShape<I>): Promise<void>;
  closeInput(): void;
  readonly output: AsyncGenerator<MessageShape<O>>;
  cancel(): void;
}

/** Metadata; a list becomes a header for each value, which the fetch API's `Headers` cannot say. */
export type Metadata = Readonly<Record<string, string | readonly string[]>>;

/**
 * A gRPC call over an HTTP/2 connection (grpc/grpc PROTOCOL-HTTP2.md) that the other side opened. The client libraries
 * join metadata of one name into one header, and BuildKit's lists of patterns cannot be told from one pattern then.
 */
export function openCall<I extends DescMessage, O extends DescMessage>(
  session: ClientHttp2Session,
  method: DescMethod & { readonly input: I; readonly output: O },
  metadata: Metadata,
  signal: AbortSignal,
): Call<I, O> {
  const stream = session.request(
    {
      ':method': 'POST',
      ':path': `/${method.parent.typeName}/${method.name}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(metadata as OutgoingHttpHeaders),
    },
    { signal },
  );
  // Errors come out of `output`.
  stream.on('error', () => {});
  return {
    async send(message) {
      const bytes = toBinary(method.input, message);
      const frame = Buffer.alloc(prefix + bytes.length);
      frame.writeUInt32BE(bytes.length, 1);
      frame.set(bytes, prefix);
      if (!stream.destroyed && !stream.write(frame)) await drained(stream);
    },
    closeInput: () => stream.end(),
    output: messages(stream, method),
    cancel: () => stream.destroy(),
  };
}

/** A call with one message each way; undefined when the other side has no such service, or no such thing. */
export async function callOnce<I extends DescMessage, O extends DescMessage>(
  session: ClientHttp2Session,
  method: DescMethod & { readonly input: I; readonly output: O },
  input: MessageShape<I>,
  signal: AbortSignal,
): Promise<MessageShape<O> | undefined> {
  const call = openCall(session, method, {}, signal);
  try {
    await call.send(input);
    call.closeInput();
    for await (const message of call.output) return message;
    return undefined;
  } catch (error) {
    if (error instanceof StrataError && ['no_service', 'no_such_thing'].includes(error.code)) return undefined;
    throw error;
  } finally {
    call.cancel();
  }
}

async function* messages<O extends DescMessage>(
  stream: ClientHttp2Stream,
  method: DescMethod & { readonly output: O },
): AsyncGenerator<MessageShape<O>> {
  const status = new Promise<Record<string, unknown>>((resolve) => {
    const seen: Record<string, unknown> = {};
    stream.on('response', (headers) => Object.assign(seen, headers));
    stream.on('trailers', (headers) => Object.assign(seen, headers));
    stream.once('close', () => resolve(seen));
  });
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < prefix) break;
      const length = rest.readUInt32BE(1);
      if (rest[0] !== 0 || length > longest)
        throw new StrataError('invalid_argument', `${method.name}: the client sent what is no message`);
      if (rest.length < prefix + length) break;
      yield fromBinary(method.output, rest.subarray(prefix, prefix + length));
      rest = rest.subarray(prefix + length);
    }
  }
  stream.destroy();
  const { 'grpc-status': code, 'grpc-message': message } = await status;
  if (code !== '0' && code !== undefined) throw refused(Number(code), decodeURIComponent(String(message ?? '')));
}

function refused(code: number, message: string): StrataError {
  if (code === unimplemented) return new StrataError('unsupported', message, { code: 'no_service' });
  if (code === notFound) return new StrataError('not_found', message, { code: 'no_such_thing' });
  if (code === alreadyExists) return new StrataError('conflict', message, { code: 'already_there' });
  return new StrataError('unavailable', message);
}
