import { posix } from 'node:path';

/** One end of a copy: a path in a container, or one of this machine. */
export interface CopyPlace {
  readonly container: string | undefined;
  readonly path: string;
}

/** `name:/path` is in a container; what starts with `/` or `.` never is. */
export function parsePlace(text: string): CopyPlace {
  if (text.startsWith('/') || text.startsWith('.')) return { container: undefined, path: text };
  const colon = text.indexOf(':');
  if (colon <= 0) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** A path says that it means a folder, or what is in it: it ends with a slash or with `/.`. */
export function assertsFolder(path: string): boolean {
  return path.endsWith('/') || meansContent(path);
}

export function meansContent(path: string): boolean {
  return posix.basename(path) === '.';
}

/** Folder and last element of a path; the last element of `a/.` is the dot. */
export function splitEntry(path: string): { readonly folder: string; readonly base: string } {
  const clean = posix.normalize(path).replace(/(.)\/$/, '$1');
  if (meansContent(path) && clean !== '.') return { folder: clean, base: '.' };
  return { folder: posix.dirname(clean), base: posix.basename(clean) || '/' };
}

/** A cleaned path that keeps a slash or a dot at its end, which say what is meant. */
export function keepEnd(clean: string, original: string): string {
  if (meansContent(original) && !meansContent(clean)) return clean === '/' ? '/.' : `${clean}/.`;
  return original.endsWith('/') && !clean.endsWith('/') ? `${clean}/` : clean;
}
