import { isIP } from 'node:net';

/** What is wrong with an `--add-host`: `name:address`, the address being that of the host where it says `host-gateway`. */
export function extraHostProblem(text: string): string | undefined {
  const colon = text.indexOf(':');
  if (colon < 1) return `bad format for add-host: ${JSON.stringify(text)}`;
  const address = text.slice(colon + 1);
  if (address === 'host-gateway' || isIP(address)) return undefined;
  return `invalid IP address in add-host: ${JSON.stringify(address)}`;
}
