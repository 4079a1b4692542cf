import type { SourceLocation } from '../errors/index.ts';

/** A place of a Dockerfile with its lines, the ones that are meant marked, as buildx prints it. `name`: of the file. */
export function placeText(place: SourceLocation, name: string): string {
  const last = place.endLine ?? place.line;
  const lines = (place.excerpt?.lines ?? []).map((text, index) => {
    const number = (place.excerpt?.first ?? 1) + index;
    const mark = number >= place.line && number <= last ? '>>>' : '   ';
    return `${String(number).padStart(4)} | ${mark} ${text}`;
  });
  const rule = '--------------------';
  return [`${name}:${place.line}`, rule, ...lines, rule, ''].join('\n');
}
