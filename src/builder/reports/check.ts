import { type CheckReport, type TextRange, type Warning, withExcerpt } from '../../dockerfile/index.ts';
import type { StrataError } from '../../errors/index.ts';
import { placeText } from '../../progress/index.ts';
import type { BuildResult } from '../../wire/index.ts';

type Report = NonNullable<BuildResult['report']>;

/** The answer of `--call=check`, as buildx prints it and as `format=json` gives it. `shown`: the file as the user names it. */
export function checkAnswer(
  { warnings, violations, error }: CheckReport,
  { name, shown, text }: { readonly name: string; readonly shown: string; readonly text: string },
): Report {
  const lines = text.split(/\r?\n/);
  const parts = [
    ...(error && warnings.length === 0 ? [] : [headline(warnings.length)]),
    // By place; the JSON keeps the order in which they were found.
    ...warnings
      .toSorted((a, b) => a.location.line - b.location.line)
      .map((warning) => warningText(warning, shown, lines)),
    ...(error && warnings.length > 0 ? [''] : []),
  ];
  const json = {
    warnings: warnings.length === 0 ? null : warnings.map(warningJson),
    sources: [{ filename: name, data: Buffer.from(text).toString('base64'), language: 'Dockerfile' }],
    ...(error && {
      buildError: { message: error.message, location: error.location ? rangesOf(error.location) : {} },
    }),
  };
  return {
    text: parts.join('\n'),
    json,
    failed: violations.length > 0 || error !== undefined,
    ...(error && { error: errorText(error, shown, lines) }),
  };
}

function headline(count: number): string {
  if (count === 0) return 'Check complete, no warnings found.\n';
  const what = count === 1 ? '1 warning has been found!' : `${count} warnings have been found!`;
  return `Check complete, ${what}\n`;
}

function warningText({ rule, url, message, location }: Warning, shown: string, lines: readonly string[]): string {
  return `WARNING: ${rule}${url === undefined ? '' : ` - ${url}`}\n${message}\n${placeText(withExcerpt(location, lines), shown)}`;
}

function errorText({ message, location }: StrataError, shown: string, lines: readonly string[]): string {
  return `ERROR: ${message}\n${location ? placeText(withExcerpt(location, lines), shown) : ''}`;
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
