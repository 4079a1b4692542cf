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
  for (const key of new Set(shown.searchParams.keys())) {
    if (!harmless.has(key)) shown.searchParams.set(key, 'xxxxx');
  }
  return shown.href;
}
