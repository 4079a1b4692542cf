import { readFileSync } from 'node:fs';
import { apiVersion } from '../client/index.ts';

/** The version of this program. The bundle has it built in. */
export function programVersion(): string {
  const built = process.env.STRATA_BUNDLED_VERSION;
  if (built) return built;
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** What `version` and `info` tell of the client. Scripts read docker's fields about its build; here they are empty. */
export function clientFacts() {
  return {
    Version: programVersion(),
    DefaultAPIVersion: apiVersion,
    GitCommit: '',
    GoVersion: '',
    Os: process.platform,
    Arch: architectures[process.arch] ?? process.arch,
    BuildTime: '',
    Context: 'default',
  };
}
