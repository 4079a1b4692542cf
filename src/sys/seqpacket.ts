import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { check, isErrno } from './errno.ts';
import { native } from './libc.ts';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0x80000;
const SOCK_NONBLOCK = 0x800;
const MSG_NOSIGNAL = 0x4000;
const SHUT_RD = 0;
const SHUT_WR = 1;
/** The largest path that fits into a socket's address, with its end. */
const pathRoom = 108;

const socket = native('socket', 'int', ['int', 'int', 'int']);
const connect = native('connect', 'int', ['int', 'pointer', 'uint']);
const send = native('send', 'long', ['int', 'pointer', 'size_t', 'int']);
const shutdown = native('shutdown', 'int', ['int', 'int']);

/** A connected SOCK_SEQPACKET socket, which Node cannot open: for writing packets only. */
export interface PacketSocket {
  /** Sends in packets of at most 8 KiB, waiting while the peer's buffer is full. */
  send(data: Uint8Array): Promise<void>;
  /** Says that nothing more will be sent. */
  end(): void;
  close(): void;
}

export function connectPacketSocket(path: string): PacketSocket {
  const address = Buffer.alloc(2 + pathRoom);
  address.writeUInt16LE(AF_UNIX, 0);
  if (address.write(path, 2, pathRoom - 1) < Buffer.byteLength(path))
    throw new RangeError(`socket path is too long: ${path}`);
  const fd = check(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket');
  let open = true;
  try {
    check(connect(fd, address, 2 + Buffer.byteLength(path) + 1), 'connect', path);
    // Nobody reads here: a peer that writes back is told so, in place of waiting once the buffer is full.
    check(shutdown(fd, SHUT_RD), 'shutdown', path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    async send(data) {
      for (let at = 0; at < data.length; ) {
        const packet = data.subarray(at, at + 8192);
        if (!open) return;
        try {
          check(send(fd, packet, packet.length, MSG_NOSIGNAL), 'send');
          at += packet.length;
        } catch (error) {
          if (!isErrno(error, 'EAGAIN', 'ENOBUFS', 'EINTR')) throw error;
          await sleep(2);
        }
      }
    },
    end() {
      if (open) shutdown(fd, SHUT_WR);
    },
    close() {
      if (!open) return;
      open = false;
      closeSync(fd);
    },
  };
}
