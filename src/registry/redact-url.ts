/** Query keys that may stay: they name things. Whatever else a query holds (signatures, tokens, upload state) is dropped. */
const harmless = new Set(['n', 'last', 'q', 'scope', 'service', 'mount', 'from', 'digest']);

/** A URL as it may be shown: without user, password, and values that may be secrets. */
export function redactUrl(url: URL | string): string {
  let shown: URL;
  try {
    shown = new URL(url);
  } catch {
    return '(unreadable URL)';
  }
  shown.username = '';
  shown.password = '';
  shown.hash = '';
  // In place: the rest of the query is shown as it was written.
  shown.search = shown.search.replace(/([?&])([^=&]*)=[^&]*/g, (whole, sign: string, key: string) =>
    harmless.has(key) ? whole : `${sign}${key}=xxxxx`,
  );
  return shown.href;
}
