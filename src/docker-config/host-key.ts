/** Under which names credentials of a registry may stand in Docker's file, the one for writing first. */
export function hostKeys(host: string): readonly string[] {
  const bare = bareHost(host);
  if (bare === hubKey || ['docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(bare)) {
    return [hubKey, 'index.docker.io', 'docker.io', 'registry-1.docker.io'];
  }
  return [bare];
}

/** Docker Hub's key is the address of an API that is long gone. */
export const hubKey = 'https://index.docker.io/v1/';

/** `https://registry.example:5000/v2/` is `registry.example:5000`. */
export function bareHost(key: string): string {
  return key === hubKey ? key : key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}
