import { readFileSync } from 'node:fs';

/** The version of this program. The bundle has it built in. */
export function programVersion(): string {
  const built = process.env.STRATA_BUNDLED_VERSION;
  if (built) return built;
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
