import { isDeepStrictEqual } from 'node:util';
import type { Credentials } from '../registry/index.ts';
import { helperErase, helperGet, helperList, helperStore } from './credential-helper.ts';
import { type DockerConfig, loadDockerConfig, saveDockerConfig, section } from './docker-config.ts';
import { bareHost, hostKeys } from './host-key.ts';

/**
 * Credentials for a registry, as Docker finds them: its own helper (`credHelpers`), the general one (`credsStore`), the
 * file. `host` is the registry as names have it, e.g. `docker.io` or `registry.example:5000`; `env` is what a helper
 * runs with.
 */
export async function resolveCredentials(
  config: DockerConfig,
  host: string,
  env = process.env,
): Promise<Credentials | undefined> {
  const keys = hostKeys(host);
  const helper = helperFor(config, keys);
  if (helper === undefined) return fromFile(config, keys);
  return await helperGet(helper, keys[0]!, env);
}

/** Credentials of every registry by host, for builds: they may pull from any of them. */
export async function allCredentials(
  config: DockerConfig,
  env = process.env,
): Promise<Readonly<Record<string, Credentials>>> {
  const keys = new Set(Object.keys(section(config.document, 'auths')));
  for (const key of Object.keys(section(config.document, 'credHelpers'))) keys.add(key);
  const general = config.document['credsStore'];
  if (typeof general === 'string' && general !== '') for (const key of await helperList(general, env)) keys.add(key);
  const out: Record<string, Credentials> = {};
  for (const key of keys) {
    const found = await resolveCredentials(config, key, env);
    if (found) out[key] = found;
  }
  return out;
}

/**
 * Keeps credentials for `host`: in the helper that the file names, else in the file itself, which is then worth the
 * warning that is returned. The file is read again first, so that what others wrote meanwhile stays.
 */
export async function storeCredentials(
  config: DockerConfig,
  host: string,
  auth: Credentials,
): Promise<{ readonly config: DockerConfig; readonly warning?: string }> {
  const keys = hostKeys(host);
  const helper = helperFor(config, keys);
  if (helper !== undefined) await helperStore(helper, keys[0]!, auth, process.env);
  const entry = helper === undefined ? fileEntry(auth) : {};
  const known = section(config.document, 'auths')[keys[0]!];
  // Who logs in again as before was warned already.
  if (helper === undefined && isDeepStrictEqual(known, entry)) return { config };
  const stored = changeAuths(config, (auths) => ({ ...auths, [keys[0]!]: entry }));
  return helper === undefined ? { config: stored, warning: unencryptedWarning(stored.path) } : { config: stored };
}

/** Forgets the credentials of `host` in the helper and in the file; whether there were any. */
export async function eraseCredentials(
  config: DockerConfig,
  host: string,
): Promise<{ readonly config: DockerConfig; readonly erased: boolean }> {
  const keys = hostKeys(host);
  const helper = helperFor(config, keys);
  const inHelper = helper !== undefined && (await helperGet(helper, keys[0]!, process.env)) !== undefined;
  if (helper !== undefined) await helperErase(helper, keys[0]!, process.env);
  const entries = matching(config, keys);
  if (entries.length === 0) return { config, erased: inHelper };
  const left = changeAuths(config, (auths) =>
    Object.fromEntries(Object.entries(auths).filter(([key]) => !entries.includes(key))),
  );
  return { config: left, erased: true };
}

/** What `login` says when it wrote a password into the file. */
export function unencryptedWarning(path: string): string {
  return `\nWARNING! Your credentials are stored unencrypted in '${path}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n`;
}

function helperFor({ document }: DockerConfig, keys: readonly string[]): string | undefined {
  const own = section(document, 'credHelpers');
  for (const key of keys) {
    const name = own[key];
    if (typeof name === 'string' && name !== '') return name;
  }
  const general = document['credsStore'];
  return typeof general === 'string' && general !== '' ? general : undefined;
}

/** Keys of `auths` that mean this registry, the plainest first. */
function matching({ document }: DockerConfig, keys: readonly string[]): readonly string[] {
  const present = Object.keys(section(document, 'auths'));
  const exact = keys.filter((key) => present.includes(key));
  return [...exact, ...present.filter((key) => !exact.includes(key) && keys.includes(bareHost(key)))];
}

function fromFile(config: DockerConfig, keys: readonly string[]): Credentials | undefined {
  const auths = section(config.document, 'auths');
  for (const key of matching(config, keys)) {
    const entry = section(auths, key);
    const text = (name: string) => (typeof entry[name] === 'string' ? (entry[name] as string) : '');
    const { username, password } =
      text('auth') === '' ? { username: text('username'), password: text('password') } : split(text('auth'));
    const out: Credentials = {
      ...(username !== '' && { username }),
      ...(password !== '' && { password }),
      ...(text('identitytoken') !== '' && { identitytoken: text('identitytoken') }),
      ...(text('registrytoken') !== '' && { registrytoken: text('registrytoken') }),
    };
    if (Object.keys(out).length > 0) return out;
  }
  return undefined;
}

function split(auth: string): { readonly username: string; readonly password: string } {
  const plain = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = plain.indexOf(':');
  return colon < 0
    ? { username: '', password: '' }
    : { username: plain.slice(0, colon), password: plain.slice(colon + 1) };
}

function fileEntry({
  username = '',
  password = '',
  identitytoken,
  registrytoken,
}: Credentials): Record<string, string> {
  // With an identity token the password is not needed any more, and so not kept.
  const plain = `${username}:${identitytoken ? '' : password}`;
  return {
    ...(username !== '' && { auth: Buffer.from(plain).toString('base64') }),
    ...(identitytoken && { identitytoken }),
    ...(registrytoken && { registrytoken }),
  };
}

function changeAuths(
  config: DockerConfig,
  change: (auths: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): DockerConfig {
  const current = loadDockerConfig(config.path);
  const changed = {
    path: config.path,
    document: { ...current.document, auths: change(section(current.document, 'auths')) },
  };
  saveDockerConfig(changed);
  return changed;
}
