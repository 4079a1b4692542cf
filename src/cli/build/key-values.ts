import { StrataError } from '../../errors/index.ts';

/** `key=value` words; a key alone takes its value from the environment, or null. */
export function fromEnvironment(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | null> {
  return Object.fromEntries(
    words.map((word): [string, string | null] => {
      const at = word.indexOf('=');
      return at < 0 ? [word, env[word] ?? null] : [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

/** `key=value` words; a key alone has the empty value. */
export function keyValues(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(fromEnvironment(words, {})).map(([key, value]) => [key, value ?? '']));
}

/** Comma-separated `key=value` fields, a value in double quotes may hold commas (CSV, RFC 4180). */
export function csvFields(text: string, flag: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const field of splitCsv(text)) {
    const at = field.indexOf('=');
    if (at < 0)
      throw new StrataError(
        'invalid_argument',
        `invalid value ${JSON.stringify(text)} for --${flag}: ${JSON.stringify(field)} must be a key=value pair`,
      );
    fields[field.slice(0, at).trim().toLowerCase()] = field.slice(at + 1);
  }
  return fields;
}

function splitCsv(text: string): string[] {
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"' && quoted && text[i + 1] === '"') {
      field += '"';
      i++;
    } else if (c === '"') quoted = !quoted;
    else if (c === ',' && !quoted) {
      fields.push(field);
      field = '';
    } else field += c;
  }
  return [...fields, field];
}
