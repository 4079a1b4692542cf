/** At most `length` characters, the last one an ellipsis where something was cut. */
export function ellipsis(text: string, length: number): string {
  const characters = [...text];
  if (characters.length <= length) return text;
  return length <= 3 ? characters.slice(0, length).join('') : `${characters.slice(0, length - 1).join('')}…`;
}

/** The first 12 digits of an id, without its algorithm. */
export function shortID(id: string): string {
  const hex = id.slice(id.indexOf(':') + 1);
  return hex.slice(0, 12);
}

/** Text in double quotes as Go quotes it. */
export function goQuote(text: string): string {
  return `"${text.replace(/["\\]|\p{Cc}/gu, (char) => named[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
}

const named: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
};

/** `a=1,b=2` */
export function labelText(labels: Readonly<Record<string, string>> | null | undefined): string {
  return Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** A column of its own for one label. */
export function labelOf(labels: Readonly<Record<string, string>> | null | undefined): (name: string) => string {
  return (name) => (labels && Object.hasOwn(labels, name) ? labels[name]! : '');
}
