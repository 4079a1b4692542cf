import { StrataError } from '../errors/index.ts';

/** API 1.48 sends a platform as JSON, earlier versions as `os/arch`; this is the latter, '' where none is given. */
export function platformText(given: string): string {
  if (!given.startsWith('{')) return given;
  let parts: readonly unknown[];
  try {
    const { os, architecture, variant } = JSON.parse(given) as Record<string, unknown>;
    parts = [os, architecture, variant];
  } catch (cause) {
    throw new StrataError('invalid_argument', 'failed to parse platform', { cause });
  }
  if (!parts[0] || !parts[1])
    throw new StrataError('invalid_argument', 'both OS and Architecture must be provided', {
      code: 'incomplete_platform',
    });
  return parts.filter((part) => typeof part === 'string' && part !== '').join('/');
}
