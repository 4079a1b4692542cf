import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Session } from './session.ts';

export type SavedSetting =
  | 'psFormat'
  | 'imagesFormat'
  | 'networksFormat'
  | 'volumesFormat'
  | 'statsFormat'
  | 'detachKeys';

/** A setting that people keep in docker's own `config.json`; empty where there is none. */
export function savedFormat({ configDir }: Session, name: SavedSetting): string {
  try {
    const config = JSON.parse(readFileSync(join(configDir, 'config.json'), 'utf8')) as Record<string, unknown>;
    const value = config[name];
    return typeof value === 'string' ? value : '';
  } catch {
    // No file, or one that only registries need; they complain about it.
    return '';
  }
}
