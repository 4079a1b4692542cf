import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { StrataError } from '../errors/index.ts';

/** Docker's `config.json`: shared with every other client, so what is not understood here stays as it is. */
export interface DockerConfig {
  readonly path: string;
  /** The whole document as read; empty where there is no file. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** Most bytes of a configuration file. */
const limit = 4 * 1024 * 1024;

/** Reads `config.json` of a configuration folder; a file that is not there is an empty one. */
export function loadDockerConfig(path: string): DockerConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { path, document: {} };
    throw new StrataError('failed_precondition', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  if (text.trim() === '') return { path, document: {} };
  let document: unknown;
  try {
    document = text.length > limit ? undefined : JSON.parse(text);
  } catch {
    // The parser's words would quote the file, which holds secrets.
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new StrataError('invalid_argument', `${path} is not valid JSON`, {
      code: 'invalid_docker_config',
      hint: 'mend the file, or move it away and log in again',
    });
  }
  return { path, document: document as Record<string, unknown> };
}

/** Writes the document in place of the file, whole or not at all, readable by its owner only. A link stays a link. */
export function saveDockerConfig({ path, document }: DockerConfig): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const target = realPath(path);
  const part = `${target}.${randomBytes(6).toString('hex')}`;
  const fd = openSync(part, 'wx', 0o600);
  try {
    try {
      writeSync(fd, JSON.stringify(document, null, '\t'));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    chmodSync(part, 0o600);
    renameSync(part, target);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** A member that should be an object; anything else counts as absent. */
export function section(document: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const value = document[key];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
