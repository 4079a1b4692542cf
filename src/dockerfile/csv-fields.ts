import { StrataError } from '../errors/index.ts';

/**
 * The fields of one line of comma-separated values, as RUN flags are written: a field in double quotes may hold commas,
 * and a doubled quote in it is a quote.
 *
 * @throws StrataError invalid_argument for an empty line and for quotes that do not fit
 */
export function csvFields(line: string): string[] {
  if (line === '') throw new StrataError('invalid_argument', 'failed to parse csv mounts: EOF');
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === '"') {
      const { text, next } = quotedField(line, at);
      fields.push(text);
      at = next;
    } else {
      const comma = line.indexOf(',', at);
      const end = comma < 0 ? line.length : comma;
      const quote = line.slice(at, end).indexOf('"');
      if (quote >= 0) throw fault(at + quote + 1, 'bare " in non-quoted field');
      fields.push(line.slice(at, end));
      at = end;
    }
    if (at >= line.length) return fields;
    at++;
  }
}

function quotedField(line: string, start: number): { text: string; next: number } {
  let text = '';
  let at = start + 1;
  for (;;) {
    const quote = line.indexOf('"', at);
    if (quote < 0) throw fault(line.length + 1, 'extraneous or missing " in quoted-field');
    text += line.slice(at, quote);
    if (line[quote + 1] !== '"') {
      const next = quote + 1;
      if (next < line.length && line[next] !== ',') throw fault(next, 'extraneous or missing " in quoted-field');
      return { text, next };
    }
    text += '"';
    at = quote + 2;
  }
}

function fault(column: number, message: string): StrataError {
  return new StrataError(
    'invalid_argument',
    `failed to parse csv mounts: parse error on line 1, column ${column}: ${message}`,
  );
}
