import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StrataError } from '../errors/index.ts';

export interface HostCerts {
  /** Authorities to trust beside the system's, PEM. */
  readonly ca: readonly string[];
  readonly client: readonly { readonly cert: string; readonly key: string }[];
}

/**
 * `<certsDir>/<host[:port]>`: `*.crt` are authorities, `*.cert` with its `*.key` are client certificates. Undefined where
 * there is no such folder.
 */
export function readHostCerts(certsDir: string, host: string): HostCerts | undefined {
  // A host becomes a folder's name: only what can be a host.
  if (!/^[A-Za-z0-9.\-:[\]]+$/.test(host) || host.startsWith('.')) return undefined;
  const folder = join(certsDir, host);
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    return undefined;
  }
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const ca = names.filter((name) => name.endsWith('.crt')).map(read);
  const client = names
    .filter((name) => name.endsWith('.cert'))
    .map((name) => {
      const key = `${name.slice(0, -'.cert'.length)}.key`;
      if (!names.includes(key)) {
        throw new StrataError(
          'failed_precondition',
          `missing key ${key} for client certificate ${name}. CA certificates must use the extension .crt`,
          { code: 'certs_incomplete', hint: `look into ${folder}` },
        );
      }
      return { cert: read(name), key: read(key) };
    });
  return { ca, client };
}
