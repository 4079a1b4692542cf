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

function shortText(warning: CheckWarning): string {
  return ` - ${headlineOf(warning)}\n`;
}

function headlineOf({ rule, message, location }: CheckWarning): string {
  return `${rule === undefined ? '' : `${rule}: `}${message}${lineOf(location)}`;
}

/** Whether the vertex reads the Dockerfile: what is wrong with the file is told of this one, as BuildKit does. */
export function readsDefinition(name: string): boolean {
  return name.startsWith('[internal] load build definition');
}

/** A warning in the parts of BuildKit's VertexWarning, whose readers print `detail` line by line. */
export interface WarningParts {
  readonly short: string;
  readonly detail: readonly string[];
  readonly url: string | undefined;
  readonly source:
    | {
        readonly filename: string;
        /** The file as far as it is shown; the lines before that are empty. */
        readonly data: string | undefined;
        readonly ranges: readonly [
          { readonly start: { readonly line: number }; readonly end: { readonly line: number } },
        ];
      }
    | undefined;
}

export function warningParts(warning: CheckWarning): WarningParts {
  const { description, url, location } = warning;
  return {
    short: headlineOf(warning),
    detail: description === undefined ? [] : [description],
    url,
    source: location && {
      filename: location.file,
      data: location.excerpt && `${'\n'.repeat(location.excerpt.first - 1)}${location.excerpt.lines.join('\n')}`,
      ranges: [{ start: { line: location.line }, end: { line: location.endLine ?? location.line } }],
    },
  };
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
