import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { StrataError } from '../errors/index.ts';
import { bytesOfName, compareNames, createReadStream, lstat, nameOf, readdir, readlink } from '../sys/index.ts';
import { goModeOf } from './file-mode.ts';
import { packetType } from './receive-files.ts';
import { openCall } from './rpc-client.ts';
import type { ClientSession } from './session.ts';
import { BytesMessageSchema, FileSend } from './wire/filesync_pb.ts';
import { PacketSchema, type PacketSchema as Schema, type Stat, StatSchema } from './wire/fsutil_pb.ts';

const chunkSize = 256 << 10;

/** What a client takes files as: the result of one of the exporters that it named, by its place among them. */
export interface Receiver {
  readonly session: ClientSession;
  readonly exporter: number;
  readonly signal: AbortSignal;
}

const metadataOf = ({ exporter }: Receiver) => ({ 'buildkit-attachable-exporter-id': String(exporter) });

/** Sends one file (an archive) to where the client wants it. */
export async function sendFile(to: Receiver, file: string): Promise<void> {
  const call = openCall(to.session.connection, FileSend.method.diffCopy, metadataOf(to), to.signal);
  try {
    for await (const data of createReadStream(file, { highWaterMark: chunkSize }))
      await call.send(create(BytesMessageSchema, { data: data as Buffer }));
    call.closeInput();
    for await (const _ of call.output);
  } finally {
    call.cancel();
  }
}

/** Sends a folder (fsutil's DiffCopy, the other way round): the list first, then what the client asks for. */
export async function sendFolder(to: Receiver, folder: string): Promise<void> {
  const method = { ...FileSend.method.diffCopy, input: PacketSchema, output: PacketSchema };
  const call = openCall<typeof Schema, typeof Schema>(to.session.connection, method, metadataOf(to), to.signal);
  try {
    const files: string[] = [];
    const listing = (async () => {
      const links = new Map<string, string>();
      for await (const stat of walk(folder, '', links)) {
        files.push(join(folder, nameOf(stat.path)));
        await call.send(create(PacketSchema, { type: packetType.stat, stat }));
      }
      await call.send(create(PacketSchema, { type: packetType.stat }));
    })();
    listing.catch(() => call.cancel());
    for await (const packet of call.output) {
      if (packet.type === packetType.error)
        throw new StrataError('unavailable', `the client could not write: ${Buffer.from(packet.data).toString()}`);
      if (packet.type === packetType.fin) break;
      if (packet.type !== packetType.request) continue;
      const file = files[packet.ID];
      if (file === undefined)
        throw new StrataError('invalid_argument', 'the client asked for a file that is not there');
      for await (const data of createReadStream(file, { highWaterMark: chunkSize }))
        await call.send(create(PacketSchema, { type: packetType.data, ID: packet.ID, data: data as Buffer }));
      await call.send(create(PacketSchema, { type: packetType.data, ID: packet.ID }));
    }
    await listing;
    await call.send(create(PacketSchema, { type: packetType.fin }));
    call.closeInput();
    for await (const _ of call.output);
  } finally {
    call.cancel();
  }
}

/** In the order that both sides number by: names sorted within their folder, a folder before what is in it. */
async function* walk(root: string, folder: string, links: Map<string, string>): AsyncGenerator<Stat> {
  const names = (await readdir(join(root, folder))).toSorted(compareNames);
  for (const name of names) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const full = join(root, path);
    const stat = await lstat(full, { bigint: true });
    const inode = `${stat.dev} ${stat.ino}`;
    const first = stat.isFile() && stat.nlink > 1n ? links.get(inode) : undefined;
    if (stat.isFile() && first === undefined) links.set(inode, path);
    yield create(StatSchema, {
      path: bytesOfName(path),
      mode: goModeOf(Number(stat.mode)),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size: stat.isFile() && first === undefined ? stat.size : 0n,
      modTime: stat.mtimeNs,
      linkname: bytesOfName(stat.isSymbolicLink() ? await readlink(full) : (first ?? '')),
    });
    if (stat.isDirectory()) yield* walk(root, path, links);
  }
}
