import { readFileSync } from 'node:fs';

export interface MountRow {
  readonly target: string;
  /** Of the file system: `overlay`, `tmpfs`. */
  readonly type: string;
  /** Whether mounts below it come to, or from, others that share it. */
  readonly shared: boolean;
  /** Whether mounts come to it alone. */
  readonly slave: boolean;
}

/** The mounts that this process sees, in the order in which they were made (proc(5), mountinfo). */
export function mountTable(): readonly MountRow[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , , , target = '', , ...tags] = before.split(' ');
      const tagged = (name: string) => tags.some((tag) => tag.startsWith(`${name}:`));
      return {
        target: unescaped(target),
        type: after.split(' ')[0] ?? '',
        shared: tagged('shared'),
        slave: tagged('master'),
      };
    });
}

/** The mount that a path lies in: of several on one place, the last. */
export function mountOf(path: string, table: readonly MountRow[]): MountRow | undefined {
  const within = table.filter(({ target }) => target === '/' || path === target || path.startsWith(`${target}/`));
  return within.reduce<MountRow | undefined>(
    (best, row) => (best === undefined || row.target.length >= best.target.length ? row : best),
    undefined,
  );
}

/** Where something is mounted below `folder`, innermost first: in the order in which it can be taken away. */
export function mountsBelow(folder: string): readonly string[] {
  return mountTable()
    .map(({ target }) => target)
    .filter((target) => target.startsWith(`${folder}/`))
    .reverse();
}

/** Blanks, tabs, line ends and backslashes of paths are written as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
