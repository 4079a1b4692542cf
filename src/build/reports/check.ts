import { type CheckReport, type TextRange, type Warning, withExcerpt } from '../../dockerfile/index.ts';
import type { SourceLocation, StrataError } from '../../errors/index.ts';
import type { BuildResult } from '../types.ts';

type Report = NonNullable<BuildResult['report']>;

/** The answer of `--call=check`, as buildx prints it and as `format=json` gives it. */
export function checkAnswer({ warnings, error }: CheckReport, name: string, text: string): Report {
  const lines = text.split(/\r?\n/);
  const parts = [
    headline(warnings.length),
    ...warnings.map((warning) => warningText(warning, lines)),
    ...(error ? [errorText(error)] : []),
  ];
  const json = {
    warnings: warnings.map(warningJson),
    sources: [{ filename: name, data: Buffer.from(text).toString('base64'), language: 'Dockerfile' }],
    ...(error && {
      buildError: { message: error.message, ...(error.location && { location: rangesOf(error.location) }) },
    }),
  };
  return { text: parts.join('\n'), json, failed: warnings.length > 0 || error !== undefined };
}

function headline(count: number): string {
  if (count === 0) return 'Check complete, no warnings found.\n';
  const what = count === 1 ? '1 warning has been found!' : `${count} warnings have been found!`;
  return `Check complete, ${what}\n`;
}

function warningText({ rule, url, message, location }: Warning, lines: readonly string[]): string {
  return `WARNING: ${rule}${url === undefined ? '' : ` - ${url}`}\n${message}\n${placeText(withExcerpt(location, lines))}`;
}

function errorText(error: StrataError): string {
  return `ERROR: ${error.message}\n${error.location ? placeText(error.location) : ''}`;
}

function placeText(at: SourceLocation): string {
  const last = at.endLine ?? at.line;
  const shown = (at.excerpt?.lines ?? []).map((text, index) => {
    const number = (at.excerpt?.first ?? 1) + index;
    const mark = number >= at.line && number <= last ? '>>>' : '   ';
    return `${String(number).padStart(4)} | ${mark} ${text}`;
  });
  const rule = '--------------------';
  return [`${at.file}:${at.line}`, rule, ...shown, rule, ''].join('\n');
}

function warningJson({ rule, description, url, message, location }: Warning) {
  return {
    ruleName: rule,
    description,
    ...(url !== undefined && { url }),
    detail: message,
    location: rangesOf(location),
  };
}

/** A place as the subrequests of BuildKit give it: lines only. */
export function rangesOf(at: Pick<TextRange, 'line'> & { readonly endLine?: number }) {
  return { ranges: [{ start: { line: at.line }, end: { line: at.endLine ?? at.line } }] };
}
