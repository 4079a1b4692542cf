import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseReference } from '../oci/index.ts';
import type { RegistryCredentials } from '../wire/index.ts';
import type { Session } from './session.ts';

/** What this user is known by to the registry of an image; undefined where nothing is kept. */
export async function credentialsFor(session: Session, image: string): Promise<RegistryCredentials | undefined> {
  return await credentialsOf(session, parseReference(image).domain);
}

export async function credentialsOf(session: Session, host: string): Promise<RegistryCredentials | undefined> {
  const path = join(session.configDir, 'config.json');
  // Most people have no such file, and the rest of this is not needed then.
  if (!existsSync(path)) return undefined;
  const { loadDockerConfig, resolveCredentials } = await import('../docker-config/index.ts');
  const found = await resolveCredentials(loadDockerConfig(path), host, session.env);
  return found && { ...found, serveraddress: host };
}

/** Everything that is kept, by host: a build may pull from any registry. */
export async function everyCredential(
  session: Session,
): Promise<Readonly<Record<string, RegistryCredentials>> | undefined> {
  const path = join(session.configDir, 'config.json');
  if (!existsSync(path)) return undefined;
  const { allCredentials, loadDockerConfig } = await import('../docker-config/index.ts');
  const found = await allCredentials(loadDockerConfig(path), session.env);
  return Object.keys(found).length > 0 ? found : undefined;
}
