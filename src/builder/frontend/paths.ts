import { posix } from 'node:path';

/** Joined and cleaned like Go's path.Join: absolute when `base` is. */
export function joinPath(base: string, path: string): string {
  const joined = posix.isAbsolute(path) ? posix.normalize(path) : posix.normalize(`${base}/${path}`);
  return joined.length > 1 ? joined.replace(/\/+$/, '') : joined;
}

/** The working directory after WORKDIR `path`: an absolute path stays as it is written, with its slash at the end. */
export function workingDirectory(before: string, path: string): string {
  return posix.isAbsolute(path) ? path : joinPath(before || '/', path);
}

/** Where COPY goes: relative to the working directory; the slash or `/.` at the end, which means a folder, is kept. */
export function destinationPath(workdir: string, path: string): string {
  if (path === '' || path === '.') return withEnd(joinPath(workdir, '.'), './');
  return withEnd(joinPath(workdir, path), path);
}

function withEnd(clean: string, written: string): string {
  const base = clean === '/' ? '' : clean;
  if (written.endsWith('/')) return `${base}/`;
  return written.endsWith('/.') ? `${base}/.` : clean;
}

/** A COPY source inside its root. */
export function sourcePath(path: string): string {
  return joinPath('/', path);
}
