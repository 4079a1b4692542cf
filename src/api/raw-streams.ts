import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** The protocol that a connection is marked with; see {@link markRawStreams}. */
export const rawStreamProtocol = 'strata-raw-stream';

/** A head of a request may be this long, as in Node. */
const longestHead = 16 * 1024;
/** And may take this long to come. */
const headMs = 60_000;

/**
 * Clients may attach without an `Upgrade` header (Engine API, "Hijacking"): the connection is a bare stream in both
 * directions from the end of the request's body on. HTTP's parser knows of no such thing, and takes what follows for the
 * next request. So the first request of a connection is looked at before the parser sees it, and marked as one that asks
 * for an upgrade. Whoever sends its input in chunks keeps to HTTP, and is left alone.
 *
 * The connections of BuildKit's clients do ask, but may leave out `Connection: Upgrade`: Docker reads `Upgrade` alone there,
 * where the parser wants both.
 */
export function markRawStreams(server: Server, event: 'connection' | 'secureConnection'): void {
  const [serve] = server.listeners(event) as [(socket: Socket) => void];
  server.removeListener(event, serve);
  server.on(event, (socket: Socket) => {
    let seen: Buffer = Buffer.alloc(0);
    const giveUp = () => socket.destroy();
    const read = () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk) seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      // Without more to read this is the end of what comes.
      if (chunk && isUnfinished(seen)) return;
      socket.off('readable', read).off('error', giveUp).off('timeout', giveUp).setTimeout(0);
      if (seen.length > 0) socket.unshift(marked(seen));
      serve.call(server, socket);
    };
    socket.on('readable', read).on('error', giveUp).setTimeout(headMs, giveUp);
  });
}

const streamRequest = /^POST (?:[^ ?]*\/)?(?:containers\/[^ /?]+\/attach|exec\/[^ /?]+\/start)[? ]/;
const buildKitRequest = /^POST (?:\/v[\d.]+)?\/(?:grpc|session)[? ]/;
const endOfHead = '\r\n\r\n';

/** Whether more has to come before it is known what is asked for. */
function isUnfinished(seen: Buffer): boolean {
  if (seen.length >= longestHead || seen.includes(endOfHead)) return false;
  const text = seen.toString('latin1');
  return text.includes('\r\n')
    ? streamRequest.test(text) || buildKitRequest.test(text)
    : 'POST '.startsWith(text.slice(0, 5));
}

function marked(seen: Buffer): Buffer {
  const length = seen.indexOf(endOfHead);
  const head = seen.toString('latin1', 0, Math.max(length, 0));
  const missing = missingHeaders(head);
  if (missing.length === 0) return seen;
  const line = head.indexOf('\r\n');
  const mark = Buffer.from(missing.map((header) => `\r\n${header}`).join(''));
  return Buffer.concat([seen.subarray(0, line), mark, seen.subarray(line)]);
}

function missingHeaders(head: string): readonly string[] {
  if (streamRequest.test(head) && !/^(upgrade|transfer-encoding)\s*:/im.test(head))
    return ['Connection: upgrade', `Upgrade: ${rawStreamProtocol}`];
  if (buildKitRequest.test(head) && /^upgrade\s*:/im.test(head) && !/^connection\s*:.*\bupgrade\b/im.test(head))
    return ['Connection: upgrade'];
  return [];
}
