/** The `# check=` directive: which rules run and whether findings fail the build. */

import { StrataError } from '../../errors/index.ts';
import { parseBool } from '../../oci/index.ts';
import { quote, trimSpace } from '../go-text.ts';
import type { Rule } from './rules.ts';

export interface CheckConfig {
  readonly skip: ReadonlySet<string>;
  readonly skipAll: boolean;
  readonly experimental: ReadonlySet<string>;
  readonly experimentalAll: boolean;
  /** Findings fail the build. */
  readonly error: boolean;
}

function fault(message: string): StrataError {
  return new StrataError('invalid_argument', `failed to parse check options: ${message}`, { code: 'invalid_check' });
}

/**
 * Parses `skip=A,B;experimental=C;error=true`; what stands behind the first blank is not part of it.
 *
 * @throws StrataError invalid_argument in the reference's words
 */
export function parseCheckDirective(text = ''): CheckConfig {
  const config = {
    skip: new Set<string>(),
    skipAll: false,
    experimental: new Set<string>(),
    experimentalAll: false,
    error: false,
  };
  const value = trimSpace(text.split(' ')[0]!);
  for (const part of value === '' ? [] : splitParts(value)) {
    const cut = part.indexOf('=');
    if (cut < 0) throw fault(`invalid check option ${quote(part)}`);
    const key = trimSpace(part.slice(0, cut));
    const setting = trimSpace(part.slice(cut + 1));
    if (key === 'skip') {
      config.skipAll = setting === 'all';
      if (!config.skipAll) config.skip = namesIn(setting);
    } else if (key === 'experimental') {
      config.experimentalAll = setting === 'all';
      if (!config.experimentalAll) config.experimental = namesIn(setting);
    } else if (key === 'error') {
      config.error = booleanOf(setting, part);
    } else {
      throw fault(`invalid check option ${quote(key)}`);
    }
  }
  return config;
}

/** At most three parts: whatever follows belongs to the third. */
function splitParts(value: string): string[] {
  const [first = '', second, ...rest] = value.split(';');
  if (second === undefined) return [first];
  return rest.length === 0 ? [first, second] : [first, second, rest.join(';')];
}

function namesIn(text: string): Set<string> {
  return new Set(text.split(',').map(trimSpace));
}

function booleanOf(text: string, part: string): boolean {
  const value = parseBool(text);
  if (value !== undefined) return value;
  throw fault(`failed to parse check option ${quote(part)}: strconv.ParseBool: parsing ${quote(text)}: invalid syntax`);
}

/** Experimental rules run where they are asked for and ignore `skip`; all others run unless they are skipped. */
export function isEnabled(rule: Rule, config: CheckConfig): boolean {
  if (rule.experimental) return config.experimentalAll || config.experimental.has(rule.name);
  return !config.skipAll && !config.skip.has(rule.name);
}
