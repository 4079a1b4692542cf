/** An escape of JSON: a byte of a file name that is no text (see `shownName`), another half of a pair, or anything else. */
const escapes = /\\(?:udc([89a-f][0-9a-f])|(ud[89a-f][0-9a-f]{2})|.)/gs;

/**
 * A document for a client. A byte of a file name that is not UTF-8 is told as `ls -b` tells it, a backslash and three octal
 * digits: JSON cannot hold it, and strict readers refuse the half of a pair that would stand for it.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (!text?.includes('\\ud')) return text;
  return text.replace(escapes, (whole, byte?: string, half?: string) => {
    if (byte !== undefined) return `\\\\${Number.parseInt(byte, 16).toString(8)}`;
    return half === undefined ? whole : '\ufffd';
  });
}
