import type { Filters, RegistryCredentials } from '../wire/index.ts';
import type { CallOptions, Transport } from './transport.ts';

/** The version of the Engine API that this client speaks. */
export const apiVersion = '1.51';

type Call = Pick<Transport, 'send' | 'text' | 'json' | 'lines' | 'hijack'>;

/** The transport with the API version before every path. */
export function versioned(transport: Transport): Call {
  const at = (path: string) => `/v${apiVersion}${path}`;
  return {
    send: (method, path, options) => transport.send(method, at(path), options),
    text: (method, path, options) => transport.text(method, at(path), options),
    json: <T>(method: string, path: string, options?: CallOptions) => transport.json<T>(method, at(path), options),
    lines: <T>(method: string, path: string, options?: CallOptions) => transport.lines<T>(method, at(path), options),
    hijack: (path, options) => transport.hijack(at(path), options),
  };
}

/** Filters as the API takes them: a JSON map of sets. */
export function filterText(filters: Filters | undefined): string | undefined {
  if (!filters || Object.keys(filters).length === 0) return undefined;
  const sets = Object.entries(filters).map(([name, values]) => [
    name,
    Object.fromEntries(values.map((value) => [value, true])),
  ]);
  return JSON.stringify(Object.fromEntries(sets));
}

/** A reference as part of a path: its slashes and colons stay, anything that would end the path does not. */
export function imagePath(name: string): string {
  return encodeURIComponent(name).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@');
}

export function registryAuthHeader(auth: RegistryCredentials): Record<string, string> {
  return { 'X-Registry-Auth': Buffer.from(JSON.stringify(auth)).toString('base64url') };
}
