import { join } from 'node:path';
import type { ManifestLists, Registry } from '../registry/index.ts';
import type { RegistryCredentials } from '../wire/index.ts';
import type { Session } from './session.ts';

/** What the `manifest` commands work with; they speak to registries themselves. */
export interface ManifestTools {
  readonly registry: Registry;
  readonly lists: ManifestLists;
  /** What to ask a registry with, for one host. */
  request(host: string): Promise<{ readonly auth?: RegistryCredentials }>;
}

/** Opens the tools for the time of `work`. `insecure`: hosts that may be spoken to over http. */
export async function withManifestTools<T>(
  session: Session,
  insecure: readonly string[],
  work: (tools: ManifestTools) => Promise<T>,
): Promise<T> {
  const { createManifestLists, createRegistryClient, proxiesOf } = await import('../registry/index.ts');
  const { credentialsOf } = await import('./registry-auth.ts');
  const { env, configDir } = session;
  const registry = createRegistryClient({
    mirrors: [],
    insecure: ['127.0.0.0/8', '::1/128', 'localhost', ...insecure],
    certsDir: '/etc/docker/certs.d',
    proxies: proxiesOf(env),
  });
  try {
    return await work({
      registry,
      lists: createManifestLists({ client: registry, folder: join(configDir, 'strata-manifests') }),
      async request(host) {
        const auth = await credentialsOf(session, host);
        return auth ? { auth } : {};
      },
    });
  } finally {
    await registry.close();
  }
}
