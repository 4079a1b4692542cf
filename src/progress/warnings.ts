import type { SourceLocation } from '../errors/index.ts';
import type { BuildEvent } from './events.ts';
import { placeText } from './place-text.ts';

export type CheckWarning = Extract<BuildEvent, { type: 'warning' }>;

export interface WarningsOptions {
  /** Yellow, as buildx paints the headline. Default false: a pipe gets plain text. */
  readonly color?: boolean;
  /** With what the rule wants, where to read about it, and the lines of the Dockerfile. Default false. */
  readonly expand?: boolean;
  /** The program whose `--debug` expands the list. Default `docker`. */
  readonly program?: string;
}

/** The list of build checks under a build, as buildx prints it. */
export function warningLines(warnings: readonly CheckWarning[], options: WarningsOptions = {}): readonly string[] {
  if (warnings.length === 0) return [];
  const found = warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`;
  const advice = options.expand ? '' : ` (use ${options.program ?? 'docker'} --debug to expand)`;
  const headline = `${found} found${advice}:\n`;
  return [
    '\n',
    options.color ? ` \x1b[33m${headline}\x1b[0m` : ` ${headline}`,
    ...ordered(warnings).flatMap((warning) => [shortText(warning), ...(options.expand ? [longText(warning)] : [])]),
    ...(options.expand ? [] : ['\n']),
  ];
}

function shortText({ rule, message, location }: CheckWarning): string {
  return ` - ${rule}: ${message}${lineOf(location)}\n`;
}

function longText({ description, url, location }: CheckWarning): string {
  const place = location ? placeText(location, location.file) : '';
  return `${description === undefined ? '' : `${description}\n`}${url === undefined ? '' : `More info: ${url}\n`}${place}\n`;
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
