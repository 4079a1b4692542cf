import { createHash } from 'node:crypto';
import type { Credentials } from './types.ts';

export function basicHeader(auth: Credentials | undefined): string | undefined {
  if (auth?.username === undefined || auth.username === '' || auth.password === undefined) return undefined;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
}

/** Distinguishes credentials without being them: for keys of caches. */
export function credentialsKey(auth: Credentials | undefined): string {
  const { username = '', password = '', identitytoken = '', registrytoken = '' } = auth ?? {};
  if (username + password + identitytoken + registrytoken === '') return 'anonymous';
  return createHash('sha256')
    .update(JSON.stringify([username, password, identitytoken, registrytoken]))
    .digest('hex');
}
