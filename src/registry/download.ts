import { StrataError } from '../errors/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { Access, Exchange } from './exchange.ts';
import { isBroken } from './network-error.ts';
import { pause, pauseBefore, type Reply, type RetryPolicy } from './transport.ts';

/** So much must come before a break counts as a first one again. */
const progressBytes = 1024 ** 2;

/**
 * The bytes of a blob from `offset` on. A connection that breaks is taken up where it stopped (RFC 9110 section 14); never
 * more than the announced size comes out, and less is an error. The digest is the caller's to check.
 */
export async function* download(
  exchange: Exchange,
  retry: RetryPolicy,
  access: Access,
  url: URL,
  target: Descriptor,
  offset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = offset;
  let failures = 0;
  let lastFailure = offset;
  while (at < target.size) {
    try {
      const reply = await open(exchange, access, url, at);
      let skip = startOf(reply, at, target);
      for await (const whole of reply.body) {
        const chunk = skip > 0 ? whole.subarray(Math.min(skip, whole.length)) : whole;
        skip -= whole.length - chunk.length;
        if (chunk.length === 0) continue;
        at += chunk.length;
        if (at > target.size) throw lies(target, `more than ${target.size} bytes came`);
        yield chunk;
      }
      if (at < target.size) {
        throw new StrataError('data_loss', `${target.digest}: unexpected EOF after ${at} of ${target.size} bytes`, {
          code: 'truncated',
        });
      }
    } catch (error) {
      const mayResume = isBroken(error) || (error instanceof StrataError && error.code === 'truncated');
      if (at - lastFailure >= progressBytes) failures = 0;
      lastFailure = at;
      if (!mayResume || failures >= retry.retries) throw error;
      await pause(pauseBefore(retry, failures++), access.signal);
    }
  }
}

async function open(exchange: Exchange, access: Access, url: URL, at: number): Promise<Reply> {
  // Never compressed on the way: the bytes are what the digest is of.
  const headers = { 'accept-encoding': 'identity', ...(at > 0 && { range: `bytes=${at}-` }) };
  return await exchange.call(access, { method: 'GET', url, headers });
}

/** How many bytes of the answer are already here; refuses an answer whose length cannot be right. */
function startOf(reply: Reply, at: number, target: Descriptor): number {
  const length = reply.headers['content-length'];
  const expected = (start: number) => {
    if (length !== undefined && Number(length) !== target.size - start) {
      throw lies(target, `the registry has ${start + Number(length)} bytes, the manifest says ${target.size}`);
    }
  };
  if (reply.status === 206 && at > 0) {
    const start = Number(/^bytes (\d+)-/.exec(reply.headers['content-range'] ?? '')?.[1] ?? at);
    if (start !== at) throw lies(target, `asked for bytes from ${at}, the registry sends from ${start}`);
    expected(at);
    return 0;
  }
  expected(0);
  return at;
}

function lies(target: Descriptor, why: string): StrataError {
  return new StrataError('data_loss', `${target.digest}: ${why}`, { code: 'size_mismatch' });
}
