import { StrataError } from '../errors/index.ts';

/** API 1.48 sends a platform as JSON, earlier versions as `os/arch`; this is the latter, '' where none is given. */
export function platformText(given: string): string {
  if (!given.startsWith('{')) return given;
  try {
    const { os, architecture, variant } = JSON.parse(given) as Record<string, unknown>;
    return [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '').join('/');
  } catch (cause) {
    throw new StrataError('invalid_argument', 'failed to parse platform', { cause });
  }
}
