import type { SourceLocation } from '../errors/index.ts';
import type { BuildEvent } from './events.ts';

export type CheckWarning = Extract<BuildEvent, { type: 'warning' }>;

/**
 * The list of build checks under a build, as buildx prints it. The colours stand where buildx puts them, also without a
 * terminal: programs match on these lines.
 */
export function warningLines(warnings: readonly CheckWarning[]): readonly string[] {
  if (warnings.length === 0) return [];
  const found = warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`;
  const line = (warning: CheckWarning) => ` - ${warning.rule}: ${warning.message}${lineOf(warning.location)}\n`;
  return [
    '\n',
    ` \x1b[33m${found} found (use docker --debug to expand):\n\x1b[0m`,
    ...ordered(warnings).map(line),
    '\n',
  ];
}

/**
 * As they were reported, which is the order of the file for the most part. BuildKit keeps that order, too, up to eight
 * findings and has none beyond; so long a list is told rule by rule, with the rule that is broken most often first.
 */
function ordered(warnings: readonly CheckWarning[]): readonly CheckWarning[] {
  if (warnings.length <= 8) return warnings;
  const rules = Map.groupBy(warnings, ({ rule }) => rule);
  return [...rules.values()].sort((a, b) => b.length - a.length).flat();
}

function lineOf(location: SourceLocation | undefined): string {
  return location ? ` (line ${location.line})` : '';
}
