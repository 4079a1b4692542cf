/** Options of a tmpfs, in Docker's words where one is none. */
import { StrataError } from '../../errors/index.ts';
import type { MountSpec } from '../types.ts';

/** Words of mount(8), and with which others they do not go together. */
const flags = new Map(
  [
    ['ro', 'rw'],
    ['suid', 'nosuid'],
    ['dev', 'nodev'],
    ['exec', 'noexec'],
    ['sync', 'async'],
    ['dirsync'],
    ['remount'],
    ['mand', 'nomand'],
    ['atime', 'noatime'],
    ['diratime', 'nodiratime'],
    ['bind', 'rbind'],
    ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave', 'unbindable', 'runbindable'],
    ['relatime', 'norelatime'],
    ['strictatime', 'nostrictatime'],
  ].flatMap((kind) => kind.map((word) => [word, kind[0]!] as const)),
);
const fields = ['size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol'];

/** The options with Docker's own before them; of those that do not go together the last. Throws `invalid_argument`. */
export function tmpfsMountOptions(text: string): readonly string[] {
  const kept = new Map<string, string>();
  for (const option of ['noexec', 'nosuid', 'nodev', 'rprivate', ...(text === '' ? [] : text.split(','))].reverse()) {
    if (option === 'defaults') continue;
    const [name = '', ...value] = option.split('=');
    const key = value.length === 0 ? flags.get(name) : fields.includes(name) ? name : undefined;
    if (key === undefined)
      throw new StrataError('invalid_argument', `invalid tmpfs option ${JSON.stringify(name)}`, {
        code: 'invalid_tmpfs_option',
      });
    if (!kept.has(key)) kept.set(key, option);
  }
  return [...kept.values()].reverse();
}

/** Those of a `--mount` as one text. */
export function tmpfsText({ ReadOnly: readOnly, TmpfsOptions: options }: MountSpec): string {
  return [
    ...(readOnly ? ['ro'] : []),
    ...(options?.Mode ? [`mode=${options.Mode.toString(8)}`] : []),
    ...(options?.SizeBytes ? [`size=${options.SizeBytes}`] : []),
    ...(options?.Options ?? []).map((words) => words.join('=')),
  ].join(',');
}
