import { create } from '@bufbuild/protobuf';
import { StrataError } from '../errors/index.ts';
import { type Layers, type NewTarEntry, writeTar } from '../layer/index.ts';
import { nameOf, percentEncoded } from '../sys/index.ts';
import { permissionsOfMode, typeOfMode } from './file-mode.ts';
import { type Call, type Metadata, openCall } from './rpc-client.ts';
import type { ClientSession } from './session.ts';
import { keepUnchanged, type Stat } from './unchanged.ts';
import { FileSync } from './wire/filesync_pb.ts';
import { type Packet, PacketSchema } from './wire/fsutil_pb.ts';

/** Kinds of packet of fsutil's protocol. */
export const packetType = { stat: 0, request: 1, data: 2, fin: 3, error: 4 } as const;

/** Which files of which of the client's folders. Patterns are those of .dockerignore. */
export interface Wanted {
  /** The client's name for the folder: `context`, `dockerfile`, or a named context. */
  readonly name: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  /** Paths, which may hold wildcards; where one is a link, what it leads to comes along. */
  readonly follow?: readonly string[];
}

/** Files asked for before the one that is being written is there: count, and bytes together. */
const ahead = { files: 64, bytes: 4 << 20 } as const;
/** Bytes that may wait to be written. */
const mostWaiting = 8 << 20;

type FileCall = Call<typeof PacketSchema, typeof PacketSchema>;

/**
 * Makes `dir` what a folder of the client is (fsutil's DiffCopy): the client lists what it has, numbered in order;
 * contents come for the numbers that are asked for, which are those of files that changed. What arrives goes through the same extraction as any hostile archive.
 */
export async function receiveFiles(
  session: ClientSession,
  wanted: Wanted,
  parts: {
    readonly layers: Pick<Layers, 'extract'>;
    readonly dir: string;
    readonly signal: AbortSignal;
    readonly progress: (bytes: number) => void;
  },
): Promise<void> {
  const call: FileCall = openCall(session.connection, FileSync.method.diffCopy, metadataOf(wanted), parts.signal);
  try {
    const stats = await readStats(call);
    const unchanged = await keepUnchanged(parts.dir, stats);
    const contents = new Contents(call, parts.progress);
    const reading = contents.read();
    reading.catch(() => {});
    const source = writeTar(entries(stats, unchanged, contents));
    await parts.layers.extract(source, parts.dir, { compression: 'none', target: '/', signal: parts.signal });
    await call.send(create(PacketSchema, { type: packetType.fin }));
    call.closeInput();
    await reading;
  } finally {
    call.cancel();
  }
}

function metadataOf({ name, include = [], exclude = [], follow = [] }: Wanted): Metadata {
  return {
    'dir-name': encodeURIComponent(name) === name ? name : encodeURIComponent(name),
    ...patterns('include-patterns', include),
    ...patterns('exclude-patterns', exclude),
    ...patterns('followpaths', follow),
  };
}

/** Headers hold ASCII alone; with `<key>-encoded` the values are percent-encoded. */
function patterns(key: string, values: readonly string[]): Metadata {
  if (values.length === 0) return {};
  if (values.every((value) => /^[\x20-\x7e]*$/.test(value))) return { [key]: values };
  return { [key]: values.map(percentEncoded), [`${key}-encoded`]: '1' };
}

async function readStats(call: FileCall): Promise<Stat[]> {
  const stats: Stat[] = [];
  for (;;) {
    const { value: packet, done } = await call.output.next();
    if (done) throw new StrataError('unavailable', 'the client stopped sending its files');
    refuseError(packet);
    if (packet.type !== packetType.stat) continue;
    if (!packet.stat) return stats;
    const { path, linkname } = packet.stat;
    stats.push({ ...packet.stat, path: nameOf(path), linkname: nameOf(linkname) });
  }
}

async function* entries(
  stats: readonly Stat[],
  unchanged: ReadonlySet<Stat>,
  contents: Contents,
): AsyncGenerator<NewTarEntry> {
  const files = stats.flatMap((stat, id) =>
    isFile(stat) && !unchanged.has(stat) ? [{ id, size: Number(stat.size) }] : [],
  );
  contents.plan(files);
  for (const [id, stat] of stats.entries()) {
    const type = typeOfMode(stat.mode);
    if (type === undefined || unchanged.has(stat)) continue;
    const hardlink = type === 'file' && stat.linkname !== '';
    const seconds = stat.modTime / 1_000_000_000n;
    yield {
      header: {
        path: stat.path,
        type: hardlink ? 'hardlink' : type,
        mode: permissionsOfMode(stat.mode),
        uid: stat.uid,
        gid: stat.gid,
        size: isFile(stat) ? Number(stat.size) : 0,
        mtimeSeconds: Number(seconds),
        mtimeNanoseconds: Number(stat.modTime - seconds * 1_000_000_000n),
        link: stat.linkname,
        major: Number(stat.devmajor),
        minor: Number(stat.devminor),
        xattrs: new Map(Object.entries(stat.xattrs)),
      },
      ...(isFile(stat) && { body: contents.of(id) }),
    };
  }
}

function isFile(stat: Stat): boolean {
  return typeOfMode(stat.mode) === 'file' && stat.linkname === '';
}

/** Contents by number. They are asked for in order and ahead of their use; several arrive at a time. */
class Contents {
  readonly #call: FileCall;
  readonly #progress: (bytes: number) => void;
  readonly #chunks = new Map<number, Uint8Array[]>();
  readonly #whole = new Set<number>();
  #plan: readonly { readonly id: number; readonly size: number }[] = [];
  #asked = 0;
  #taken = 0;
  #askedBytes = 0;
  #waitingBytes = 0;
  #failure: unknown;
  #wake = () => {};

  constructor(call: FileCall, progress: (bytes: number) => void) {
    this.#call = call;
    this.#progress = progress;
  }

  plan(files: readonly { readonly id: number; readonly size: number }[]): void {
    this.#plan = files;
  }

  async *of(id: number): AsyncGenerator<Uint8Array> {
    await this.#askAhead();
    for (;;) {
      const chunk = this.#chunks.get(id)?.shift();
      if (chunk) {
        this.#waitingBytes -= chunk.length;
        this.#wake();
        yield chunk;
      } else if (this.#whole.has(id)) break;
      else if (this.#failure !== undefined) throw this.#failure;
      else await this.#change();
    }
    this.#chunks.delete(id);
    this.#whole.delete(id);
    this.#askedBytes -= this.#plan[this.#taken]!.size;
    this.#taken++;
  }

  async #askAhead(): Promise<void> {
    for (let next = this.#plan[this.#asked]; next; next = this.#plan[this.#asked]) {
      const under = this.#asked - this.#taken;
      if (under > 0 && (under >= ahead.files || this.#askedBytes + next.size > ahead.bytes)) return;
      this.#asked++;
      this.#askedBytes += next.size;
      this.#chunks.set(next.id, []);
      await this.#call.send(create(PacketSchema, { type: packetType.request, ID: next.id }));
    }
  }

  /** Takes what comes until the other side is done. */
  async read(): Promise<void> {
    try {
      let total = 0;
      for await (const packet of this.#call.output) {
        refuseError(packet);
        if (packet.type === packetType.fin) return;
        if (packet.type !== packetType.data) continue;
        const chunks = this.#chunks.get(packet.ID);
        if (!chunks) throw new StrataError('invalid_argument', 'the client sent a file that nobody asked for');
        if (packet.data.length === 0) this.#whole.add(packet.ID);
        else {
          chunks.push(packet.data);
          this.#waitingBytes += packet.data.length;
          total += packet.data.length;
          this.#progress(total);
        }
        this.#wake();
        while (this.#waitingBytes > mostWaiting) await this.#change();
      }
      throw new StrataError('unavailable', 'the client stopped sending its files');
    } catch (error) {
      this.#failure = error;
      this.#wake();
      throw error;
    }
  }

  /** Reader and writer take turns: at most one of them waits. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#wake;
      this.#wake = () => {
        this.#wake = () => {};
        before();
        resolve();
      };
    });
  }
}

function refuseError(packet: Packet): void {
  if (packet.type !== packetType.error) return;
  throw new StrataError('unavailable', `the client could not send its files: ${Buffer.from(packet.data).toString()}`);
}
