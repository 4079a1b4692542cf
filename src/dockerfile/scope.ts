/** Arguments that exist before the first stage: the platform arguments and the ARGs in front of FROM. */

import { expandWord } from './expand-word.ts';
import { locateFault } from './parse.ts';
import type { Dockerfile } from './types.ts';

/** The parts of a platform that arguments are made of. */
export interface PlatformParts {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
}

/** Build arguments from outside, by name. */
export type BuildArgs = Readonly<Record<string, string | null | undefined>>;

/** Proxy arguments: every RUN sees them without an ARG, and they are kept out of the history and the cache key. */
export const proxyArgs: readonly string[] = [
  ...['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'FTP_PROXY', 'ftp_proxy'],
  ...['NO_PROXY', 'no_proxy', 'ALL_PROXY', 'all_proxy'],
];

export interface GlobalScopeOptions {
  readonly buildPlatform: PlatformParts;
  readonly targetPlatform: PlatformParts;
  /** Name of the stage that is built; default: the name of the last stage. */
  readonly target?: string;
  readonly buildArgs?: BuildArgs;
}

/** The predefined arguments of the global scope (`BUILDPLATFORM`, `TARGETARCH`, ...); build arguments override them. */
export function platformArgs(options: GlobalScopeOptions): Map<string, string> {
  const values: [string, string][] = [
    ...platformEntries('BUILD', options.buildPlatform),
    ...platformEntries('TARGET', options.targetPlatform),
    ['TARGETSTAGE', options.target || 'default'],
  ];
  return new Map(values.map(([name, value]) => [name, options.buildArgs?.[name] ?? value]));
}

function platformEntries(prefix: string, platform: PlatformParts): [string, string][] {
  const { os, architecture, variant = '' } = platform;
  return [
    [`${prefix}PLATFORM`, [os, architecture, variant].filter((part) => part !== '').join('/')],
    [`${prefix}OS`, os],
    [`${prefix}OSVERSION`, platform['os.version'] ?? ''],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant],
  ];
}

/** The name for TARGETSTAGE: the given target, else the last stage's name. */
export function targetStage(dockerfile: Dockerfile, target?: string): string {
  return target || dockerfile.stages.at(-1)?.name || 'default';
}

/**
 * The values that FROM lines see: platform arguments, and the ARGs in front of the first FROM with their defaults or
 * the build arguments.
 *
 * @throws StrataError invalid_argument, with its place, where a default cannot be expanded
 */
export function globalScope(dockerfile: Dockerfile, options: GlobalScopeOptions): Map<string, string> {
  const scope = platformArgs({ ...options, target: targetStage(dockerfile, options.target) });
  for (const instruction of dockerfile.metaArgs) {
    for (const { key, value } of instruction.args) {
      const given = options.buildArgs?.[key];
      try {
        const used = given ?? (value === undefined ? undefined : expandIn(scope, value, dockerfile));
        if (used !== undefined) setLast(scope, key, used);
      } catch (error) {
        throw locateFault(error, instruction.location, dockerfile.lines);
      }
    }
  }
  return scope;
}

function expandIn(scope: ReadonlyMap<string, string>, text: string, dockerfile: Dockerfile): string {
  return expandWord(text, (name) => scope.get(name), { escape: dockerfile.directives.escape }).value;
}

/** Sets a value and moves its name to the end: the order in which suggestions look at names. */
export function setLast(scope: Map<string, string>, name: string, value: string): void {
  scope.delete(name);
  scope.set(name, value);
}
