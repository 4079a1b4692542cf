/**
 * What stands for the package koffi in the one-file program: its native part, which the program carries within, since a
 * file that somebody copied has no `node_modules` beside it.
 *
 * The loader wants a file. It gets one that has no name any more when it is loaded: nobody else can put another in its
 * place, and nothing stays behind.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zstdDecompressSync } from 'node:zlib';
import type koffi from 'koffi';

type Koffi = typeof koffi;

/** Put here by the build: the processor it is for, and the bytes (zstd, then base64). A thread has the place alone. */
declare const STRATA_NATIVE: { readonly arch: string; readonly code: string } | undefined;
declare const STRATA_NATIVE_PLACE: string | undefined;

let loaded: Koffi | undefined;
let place: string | undefined;

/** Where this process loads it from, as long as it lives. */
export function nativePlace(): string {
  load();
  return place!;
}

function load(): Koffi {
  if (loaded) return loaded;
  if (typeof STRATA_NATIVE_PLACE === 'string') {
    place = STRATA_NATIVE_PLACE;
    loaded = open(place);
    return loaded;
  }
  const { arch, code } = STRATA_NATIVE!;
  if (arch !== process.arch)
    throw new Error(`this program was built for ${arch}, and Node.js here is for ${process.arch}: build it here`);
  const bytes = zstdDecompressSync(Buffer.from(code, 'base64'));
  const complaints: string[] = [];
  // Some systems let no code be loaded from folders for temporary files.
  for (const folder of new Set([tmpdir(), dirname(fileURLToPath(import.meta.url)), '/dev/shm', '/var/lib', '/run'])) {
    try {
      const fd = nameless(folder, bytes);
      try {
        place = `/proc/self/fd/${fd}`;
        loaded = open(place);
        return loaded;
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    } catch (error) {
      complaints.push((error as Error).message);
    }
  }
  throw new Error(
    `no folder lets the native part of the program be loaded; set TMPDIR to one that does:\n${complaints.join('\n')}`,
  );
}

/** A descriptor of a file with these bytes that is in no folder. */
function nameless(folder: string, bytes: Uint8Array): number {
  const own = mkdtempSync(join(folder, 'strata-native-'));
  try {
    const fd = openSync(join(own, 'koffi.node'), 'wx+', 0o600);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    return fd;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function open(file: string): Koffi {
  const module = { exports: {} };
  process.dlopen(module, file, constants.dlopen.RTLD_NOW);
  return module.exports as Koffi;
}

const carried: Pick<Koffi, 'load' | 'errno'> = {
  load: ((...args: Parameters<Koffi['load']>) => load().load(...args)) as Koffi['load'],
  errno: ((...args: Parameters<Koffi['errno']>) => load().errno(...args)) as Koffi['errno'],
};

// biome-ignore lint/style/noDefaultExport: the package that it stands for has one.
export { carried as default };
