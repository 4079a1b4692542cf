import { posix } from 'node:path';

/** What a source of ADD is. */
export type AddSource =
  | { readonly kind: 'path' }
  | { readonly kind: 'http'; readonly url: string; readonly filename: string }
  | { readonly kind: 'git'; readonly url: string };

/** Tells paths, downloads and git repositories apart, as the reference does. */
export function classifySource(source: string): AddSource {
  if (isGitUrl(source)) return { kind: 'git', url: source };
  if (!/^https?:\/\//i.test(source)) return { kind: 'path' };
  return { kind: 'http', url: source, filename: fileNameOf(source) };
}

function fileNameOf(source: string): string {
  try {
    const base = posix.basename(decodeURIComponent(new URL(source).pathname));
    return base === '' || base === '.' || base === '..' || base.includes('/') ? '__unnamed__' : base;
  } catch {
    return '__unnamed__';
  }
}

/** git://, ssh://, `git@host:path`, and http(s) with a path that ends in .git (before `#` or `?`). */
export function isGitUrl(text: string): boolean {
  if (/^(?:git|ssh):\/\//i.test(text)) return true;
  if (/^https?:\/\//i.test(text)) {
    try {
      return new URL(text).pathname.endsWith('.git');
    } catch {
      return false;
    }
  }
  return /^[a-zA-Z0-9_.-]+@[a-zA-Z0-9.-]+:[^/].*$/.test(text.split('#')[0]!);
}
