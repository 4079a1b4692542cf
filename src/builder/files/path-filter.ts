import { createIgnore } from '../../dockerfile/index.ts';

/** Patterns over the paths of a tree, with the rules of .dockerignore. */
export interface PathFilter {
  /** Whether the patterns match `path` (relative) or a folder that it is in. */
  hides(path: string): boolean;
  /** Whether that is so for everything below the matching folder `path`. */
  hidesAllBelow(path: string): boolean;
  /** The pattern that decided. */
  decidedBy(path: string): string | undefined;
}

/** `source`: the text of a .dockerignore. */
export function createPathFilter(source: string): PathFilter {
  return wrap(source);
}

export function createPatterns(patterns: readonly string[]): PathFilter {
  return wrap(patterns);
}

function wrap(source: string | readonly string[]): PathFilter {
  const ignore = createIgnore(source);
  return {
    hides: (path) => ignore(path),
    hidesAllBelow: (path) => ignore.skipsDirectory(path),
    decidedBy: (path) => ignore.decidedBy(path),
  };
}
