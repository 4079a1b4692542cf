import { redactUrl } from './redact-url.ts';

/** How a request is named in messages, as Docker does: `Get "https://registry.example/v2/"`. */
export function requestWords(method: string, url: URL | string): string {
  return `${method[0]!.toUpperCase()}${method.slice(1).toLowerCase()} "${redactUrl(url)}"`;
}
