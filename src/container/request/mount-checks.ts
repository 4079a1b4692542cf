/** Checks of mounts as they are asked for, in Docker's words and order: what needs nothing but the request itself. */
import { statSync } from 'node:fs';
import { isAbsolute, posix } from 'node:path';
import { StrataError } from '../../errors/index.ts';
import { errnoText, isErrno } from '../../sys/index.ts';
import type { HostConfig, MountSpec } from '../types.ts';

export const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];

/** What is wrong with a `--mount`. */
export function mountProblem(mount: MountSpec): string | undefined {
  const { Type: type = '' } = mount;
  const foreign = (['bind', 'volume', 'tmpfs'] as const).find((one) => one !== type && mount[optionsField[one]]);
  if (foreign && type in optionsField) return `${optionsField[foreign]} must not be specified on mount type "${type}"`;
  const problem = targetProblem(mount.Target ?? '') ?? typeProblem(mount);
  return problem === undefined ? undefined : `invalid mount config for type "${type}": ${problem}`;
}

const optionsField = { bind: 'BindOptions', volume: 'VolumeOptions', tmpfs: 'TmpfsOptions' } as const;

/** What is wrong with a place in the container. */
export function targetProblem(target: string): string | undefined {
  if (target === '') return 'field Target must not be empty';
  if (posix.normalize(target).replace(/\/$/, '') === '') return "invalid specification: destination can't be '/'";
  return absoluteProblem(target);
}

function absoluteProblem(path: string): string | undefined {
  return isAbsolute(path) ? undefined : `invalid mount path: '${path}' mount path must be absolute`;
}

function typeProblem(mount: MountSpec): string | undefined {
  if (mount.ImageOptions && mount.Type !== 'image') return 'field ImageOptions must not be specified';
  if (mount.Type === 'bind') return bindProblem(mount);
  if (mount.Type === 'volume') return volumeProblem(mount);
  if (mount.Type === 'tmpfs') return tmpfsProblem(mount);
  return 'mount type unknown';
}

function bindProblem({ Source: source = '', BindOptions: options }: MountSpec): string | undefined {
  if (source === '') return 'field Source must not be empty';
  if (options?.Propagation && !propagations.includes(options.Propagation))
    return `invalid propagation mode: ${options.Propagation}`;
  return absoluteProblem(source) ?? sourceProblem(source, options?.CreateMountpoint ?? false);
}

function sourceProblem(source: string, make: boolean): string | undefined {
  try {
    const found = statSync(source, { throwIfNoEntry: false });
    return found || make ? undefined : `bind source path does not exist: ${source}`;
  } catch (error) {
    if (isErrno(error)) return `stat ${source}: ${errnoText(error)}`;
    throw error;
  }
}

function volumeProblem({
  Source: source = '',
  ReadOnly: readOnly,
  VolumeOptions: options,
}: MountSpec): string | undefined {
  if (options?.Subpath) {
    if (source === '') return 'must not set Subpath when using anonymous volumes';
    const clean = posix.normalize(options.Subpath);
    if (isAbsolute(clean) || clean === '..' || clean.startsWith('../'))
      return 'subpath must be a relative path within the volume';
  }
  return readOnly && source === '' ? 'must not set ReadOnly mode when using anonymous volumes' : undefined;
}

function tmpfsProblem({ Source: source, TmpfsOptions: options }: MountSpec): string | undefined {
  if (source) return 'field Source must not be specified';
  for (const option of options?.Options ?? []) {
    if (option.length < 1 || option.length > 2) return 'invalid option array length';
    if (option[0] !== 'exec' && option[0] !== 'noexec') return `invalid option: ${option[0]}`;
  }
  return undefined;
}

/** Throws `invalid_argument` for a `--tmpfs` that has no place in the container. */
export function checkTmpfsTargets({ Tmpfs: tmpfs = {} }: HostConfig): void {
  for (const target of Object.keys(tmpfs)) {
    const problem = target === '' ? absoluteProblem(target) : targetProblem(target);
    if (problem !== undefined) throw new StrataError('invalid_argument', problem, { code: 'invalid_host_config' });
  }
}
