import type { HistoryEntry, ImageConfig, Platform, RuntimeConfig } from '../../oci/index.ts';

/** An image's configuration while its stage is being read. Copied for each stage that builds on it. */
export interface ImageDraft {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  author?: string;
  config: { -readonly [Key in keyof RuntimeConfig]: RuntimeConfig[Key] };
  history: HistoryDraft[];
}

/** History of a layer has no time until the layer is there. */
export type HistoryDraft = HistoryEntry;

export function emptyDraft(platform: Platform): ImageDraft {
  return {
    os: platform.os,
    architecture: platform.architecture,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    ...(platform['os.version'] !== undefined && { osVersion: platform['os.version'] }),
    config: { WorkingDir: '/' },
    history: [],
  };
}

export function draftOf(image: ImageConfig): ImageDraft {
  return {
    os: image.os,
    architecture: image.architecture,
    ...(image.variant && { variant: image.variant }),
    ...(image['os.version'] && { osVersion: image['os.version'] }),
    ...(image.author && { author: image.author }),
    config: structuredClone(image.config ?? {}) as ImageDraft['config'],
    history: [...(image.history ?? [])],
  };
}

export function copyDraft(draft: ImageDraft): ImageDraft {
  return { ...draft, config: structuredClone(draft.config), history: [...draft.history] };
}

/** Sets a variable in place, or at the end where it is new. */
export function setEnv(config: ImageDraft['config'], key: string, value: string): void {
  const env = [...(config.Env ?? [])];
  const at = env.findIndex((line) => line === key || line.startsWith(`${key}=`));
  if (at < 0) env.push(`${key}=${value}`);
  else env[at] = `${key}=${value}`;
  config.Env = env;
}

/** `NAME=value` taken apart; a name alone has the empty value. */
export function parseEnv(line: string): readonly [string, string] {
  const equals = line.indexOf('=');
  return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)];
}
