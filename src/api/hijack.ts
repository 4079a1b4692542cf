import type { ServerResponse } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Attachment } from '../container/index.ts';
import { messageOf } from '../errors/index.ts';
import { createKeyWatch, drained, parseDetachKeys } from '../stream/index.ts';
import { framer } from '../wire/index.ts';
import { bodyStream } from './body.ts';
import { versionOf } from './server.ts';
import { streamType } from './stream-type.ts';
import { upgradeOf } from './upgrade.ts';

/** Both directions of a taken-over connection. */
interface Connection {
  readonly input: Readable;
  readonly output: Duplex;
  readonly isEncrypted: boolean;
}

/**
 * Takes the connection away from HTTP (Engine API, "Hijacking"): `101` for a client that asked to upgrade, else `200`
 * and then bare bytes. Where the client keeps to HTTP, the input is the body of the request.
 */
function takeConnection(request: FastifyRequest, reply: FastifyReply, tty: boolean): Connection {
  const upgrade = upgradeOf(request.raw);
  const input = upgrade ? upgrade.socket : bodyStream(request);
  reply.hijack();
  const output = (upgrade?.socket ?? request.raw.socket) as Duplex;
  upgrade?.release();
  const is101 = upgrade !== undefined && !upgrade.isRaw;
  const type = streamType(tty || !is101, versionOf(request));
  const headers = rawHeaderNames(reply.raw).map((name) => `${name}: ${reply.raw.getHeader(name)}`);
  const first = is101
    ? ['HTTP/1.1 101 UPGRADED', `Content-Type: ${type}`, 'Connection: Upgrade', 'Upgrade: tcp']
    : ['HTTP/1.1 200 OK', `Content-Type: ${type}`];
  output.on('error', () => output.destroy());
  output.write(`${[...first, ...headers].join('\r\n')}\r\n\r\n`);
  return { input, output, isEncrypted: 'encrypted' in request.raw.socket };
}

/** Names as they were set: header names mean the same in any case, but people read these. */
function rawHeaderNames(response: ServerResponse): readonly string[] {
  return (response as unknown as { getRawHeaderNames(): string[] }).getRawHeaderNames();
}

export interface StreamOptions {
  readonly tty: boolean;
  /** What the client's input is to the process: nothing; the whole of its own; or one of several, which others follow. */
  readonly stdin: 'none' | 'whole' | 'shared';
  /** What is typed to leave a terminal; empty for the usual keys. */
  readonly detachKeys?: string;
}

/**
 * Joins a process to the connection of its client until one of them ends. The client's half-close ends the process's
 * input where that is the client's alone, and nothing else; where it is shared, the client has left. A lost client
 * detaches and leaves the process alone.
 */
export async function serveAttachment(
  request: FastifyRequest,
  reply: FastifyReply,
  attachment: Attachment,
  options: StreamOptions,
): Promise<void> {
  await join(takeConnection(request, reply, options.tty), attachment, options);
}

/**
 * As {@link serveAttachment} for a process that is started once the client has its answer: some clients lose output
 * that comes in one packet with the headers. Where it cannot start, the reason goes where its output would have gone.
 */
export async function serveStart(
  request: FastifyRequest,
  reply: FastifyReply,
  start: () => Promise<Attachment | null>,
  options: StreamOptions,
): Promise<void> {
  const connection = takeConnection(request, reply, options.tty);
  try {
    const attachment = await start();
    if (attachment) await join(connection, attachment, options);
    else endOutput(connection.output);
  } catch (error) {
    connection.input.resume();
    const data = Buffer.from(`${messageOf(error)}\r\n`);
    connection.output.write(framer(options.tty)({ stream: 'stdout', data }));
    endOutput(connection.output);
  }
}

async function join(connection: Connection, attachment: Attachment, options: StreamOptions): Promise<void> {
  const { output } = connection;
  const detach = () => attachment.detach();
  output.once('close', detach);
  if (output.destroyed) detach();
  pumpInput(connection, attachment, options);
  const onWire = framer(options.tty);
  try {
    for await (const chunk of attachment.output) {
      if (output.destroyed) break;
      if (chunk.data.length > 0 && !output.write(onWire(chunk))) await drained(output);
    }
  } finally {
    endOutput(output);
  }
}

function endOutput(output: Duplex): void {
  if (output.destroyed) return;
  output.resume();
  output.end(() => {
    // The client has everything; one that never closes its half must not keep the connection for ever.
    const timer = setTimeout(() => output.destroy(), 10_000);
    timer.unref();
    output.once('close', () => clearTimeout(timer));
  });
}

function pumpInput(connection: Connection, attachment: Attachment, options: StreamOptions): void {
  const { tty, stdin, detachKeys = '' } = options;
  const { input } = connection;
  const keys = tty ? createKeyWatch(parseDetachKeys(detachKeys)) : undefined;
  if (stdin !== 'none')
    input.on('data', (chunk: Buffer) => {
      const { pass, detach } = keys?.feed(chunk) ?? { pass: chunk, detach: false };
      if (detach) return attachment.detach();
      input.pause();
      attachment.write(pass).then(
        () => input.resume(),
        // The process has closed its input: what the client still types goes nowhere.
        () => input.resume(),
      );
    });
  const end = async () => {
    const isThere = await takesMore(connection);
    if (stdin === 'none') return;
    if (stdin === 'shared' || (tty && !isThere)) attachment.detach();
    else await attachment.closeInput();
  };
  const ended = () => void end().catch(() => {});
  // It may have ended before there was a process.
  if (input.readableEnded || input.destroyed) ended();
  input.once('end', ended);
  input.once('error', ended);
  input.resume();
}

/**
 * Whether the client, which sends nothing more, still listens: the kernel refuses even nothing to one that is gone. Under
 * TLS it cannot be told, and counts as gone.
 */
async function takesMore({ output, isEncrypted }: Connection): Promise<boolean> {
  if (output.destroyed || isEncrypted) return false;
  return await new Promise((resolve) => {
    output.once('close', () => resolve(false));
    output.write(Buffer.alloc(0), (error) => resolve(!error));
  });
}
