/**
 * JSON set out over lines without reading it into values: the order of keys, and numbers that a double cannot hold,
 * stay as the engine wrote them. Empty objects and lists stay on one line.
 */
export function indentJson(json: string, indent: string, prefix = ''): string {
  let out = '';
  let depth = 0;
  let at = 0;
  const lineBreak = () => `\n${prefix}${indent.repeat(depth)}`;
  while (at < json.length) {
    const char = json[at]!;
    if (char === '"') {
      const end = endOfString(json, at);
      out += json.slice(at, end);
      at = end;
      continue;
    }
    at++;
    switch (char) {
      case '{':
      case '[': {
        const next = skipBlanks(json, at);
        if (json[next] === '}' || json[next] === ']') {
          out += char + json[next];
          at = next + 1;
          break;
        }
        depth++;
        out += char + lineBreak();
        break;
      }
      case '}':
      case ']':
        depth--;
        out += lineBreak() + char;
        break;
      case ',':
        out += char + lineBreak();
        break;
      case ':':
        out += ': ';
        break;
      case ' ':
      case '\n':
      case '\r':
      case '\t':
        break;
      default:
        out += char;
    }
  }
  return out;
}

function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === '\\') at++;
    else if (json[at] === '"') return at + 1;
  }
  return json.length;
}

function skipBlanks(json: string, start: number): number {
  let at = start;
  while (/\s/.test(json[at] ?? '')) at++;
  return at;
}

/** JSON on one line as Go writes it without HTML escapes. */
export function compactJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (value === undefined || value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map(compactJson).join(',')}]`;
  if (typeof value === 'object') {
    const fields = Object.entries(value).filter(([, one]) => one !== undefined && typeof one !== 'function');
    return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${compactJson(one)}`).join(',')}}`;
  }
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}
