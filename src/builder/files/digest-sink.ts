import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { kernelPath, openSync } from '../../sys/index.ts';
import type { DigestTable } from './digest-table.ts';
import type { ScanReport } from './jobs.ts';
import type { Entry, Sink } from './walk.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** Longest list of paths that is kept for telling what changed. */
const manifestLimit = 5_000;

/** Digests what is selected: names, types, modes, owners, links, attributes and contents, but no times. */
export class DigestSink implements Sink {
  readonly #hash: Hash = createHash('sha256');
  readonly #table: DigestTable;
  readonly #owners: boolean;
  #manifest: Record<string, string> | undefined = {};
  #files = 0;
  #bytes = 0;
  #prefix = '';

  /** `owners`: whether the copies keep the owners of the source. */
  constructor(table: DigestTable, owners: boolean) {
    this.#table = table;
    this.#owners = owners;
  }

  /** Begins one of several selections, or matches of a pattern. `name`: what the copy is called in a folder. */
  begin(name: string): void {
    this.#hash.update(kernelPath(`\0\0${name}\0`));
    this.#prefix = name;
  }

  folder(entry: Entry): () => void {
    this.add(entry, '');
    return () => undefined;
  }

  other(entry: Entry): void {
    this.add(entry, entry.type === 'file' ? this.#contents(entry) : '');
  }

  add(entry: Entry, contents: string): void {
    const device = entry.type === 'special' ? `${entry.stat.mode}:${entry.stat.rdev}` : '';
    // The target is a folder of its own: nothing of a selected folder itself goes into the copy.
    const itself = entry.path === '' && entry.type === 'folder';
    const line = [
      entry.type,
      itself ? '' : entry.mode.toString(8),
      itself || !this.#owners ? '' : `${entry.uid}:${entry.gid}`,
      entry.link ?? '',
      device,
      contents,
      ...(itself ? [] : entry.xattrs.map(([name, value]) => `${name}=${value.toString('hex')}`)),
    ].join('\0');
    this.#hash.update(kernelPath(`${entry.path}\0\0${line}\0\0`));
    this.#files++;
    if (entry.type === 'file') this.#bytes += Number(entry.stat.size);
    this.#note(entry, line);
  }

  report(): ScanReport {
    return {
      digest: this.#hash.digest('hex'),
      files: this.#files,
      bytes: this.#bytes,
      ...(this.#manifest && { manifest: this.#manifest }),
    };
  }

  #contents(entry: Entry): string {
    const known = this.#table.find(entry.stat);
    if (known !== undefined) return known;
    const digest = digestFile(entry.at);
    this.#table.keep(entry.stat, digest);
    return digest;
  }

  #note(entry: Entry, line: string): void {
    if (!this.#manifest) return;
    if (this.#files > manifestLimit) {
      this.#manifest = undefined;
      return;
    }
    const path = [this.#prefix, entry.path].filter((part) => part !== '').join('/');
    this.#manifest[path] = createHash('sha1').update(kernelPath(line)).digest('base64url').slice(0, 10);
  }
}

const buffer = Buffer.allocUnsafeSlow(1 << 20);

export function digestFile(path: string): string {
  // O_NONBLOCK: should it have become a fifo meanwhile, opening it must not wait for a writer.
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`${path} is no longer a regular file`);
    const hash = createHash('sha256');
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) return hash.digest('hex');
      hash.update(count === buffer.length ? buffer : buffer.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}
