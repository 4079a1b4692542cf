import { closeSync, mkdtempSync, readSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, failure, isErrno, systemError } from './errno.ts';
import { cPath, nativeSyscall } from './libc.ts';
import { mount } from './mount.ts';

export interface OverlayMount {
  /** Read-only directories, the topmost first. */
  readonly lowers: readonly string[];
  /** Directory that takes the writes; needs `work`, an empty directory of the same file system. */
  readonly upper?: string;
  readonly work?: string;
  readonly target: string;
  /** Further overlayfs options: `volatile`, `xino=off`… */
  readonly options?: readonly string[];
}

/** With these off, a layer directory holds whole files and nothing that means something to one kernel only. */
const plainLayers = ['redirect_dir=off', 'metacopy=off', 'index=off'] as const;

const fsopen = nativeSyscall(430, ['path', 'uint']);
const fsconfig = nativeSyscall(431, ['int', 'uint', 'path', 'path', 'int']);
const fsmount = nativeSyscall(432, ['int', 'uint', 'uint']);
const moveMount = nativeSyscall(429, ['int', 'path', 'int', 'path', 'uint']);

/**
 * Mounts an overlay of any number of layers (the kernel takes up to 500). One directory alone is bind-mounted, since
 * overlayfs wants two: read-only, or writable when it is the upper one.
 */
export function mountOverlay(overlay: OverlayMount): void {
  const { lowers, upper, target } = overlay;
  if (upper === undefined && lowers.length === 1) mount(lowers[0]!, target, null, ['bind', 'ro']);
  else if (upper !== undefined && lowers.length === 0) mount(upper, target, null, ['bind']);
  else mountLayers(overlay);
}

function mountLayers(overlay: OverlayMount): void {
  try {
    mountByParts(overlay);
  } catch (error) {
    // ENOSYS: no fsopen (before 5.2). EINVAL: no `lowerdir+` (before 6.5), or a bad option, which fails again below.
    if (!isErrno(error, 'ENOSYS', 'EINVAL')) throw error;
    try {
      mountByLine(overlay);
    } catch {
      throw error;
    }
  }
}

/** The new mount API: each layer is an argument of its own, without a limit on their total length. */
export function mountByParts(overlay: OverlayMount): void {
  const context = check(fsopen('overlay', 1), 'fsopen');
  try {
    const set = (key: string, value: string | null) => {
      const [setFlag, setString] = [0, 1];
      if (fsconfig(context, value === null ? setFlag : setString, key, value, 0) < 0) throw explain(context, key);
    };
    set('source', 'overlay');
    for (const lower of overlay.lowers) set('lowerdir+', cPath(lower) as string);
    if (overlay.upper !== undefined) {
      set('upperdir', overlay.upper);
      set('workdir', overlay.work ?? '');
    }
    for (const option of [...plainLayers, ...(overlay.options ?? [])]) {
      const equals = option.indexOf('=');
      set(equals < 0 ? option : option.slice(0, equals), equals < 0 ? null : option.slice(equals + 1));
    }
    const create = 6;
    if (fsconfig(context, create, null, null, 0) < 0) throw explain(context, overlay.target);
    attach(context, overlay.target);
  } finally {
    closeSync(context);
  }
}

function attach(context: number, target: string): void {
  const made = check(fsmount(context, 1, 0), 'fsmount', target);
  try {
    const fromDescriptor = 4;
    check(moveMount(made, '', -100, cPath(target), fromDescriptor), 'move_mount', target);
  } finally {
    closeSync(made);
  }
}

/** The context descriptor keeps the kernel's own words about what it did not like. */
function explain(context: number, subject: string): NodeJS.ErrnoException {
  const error = failure('fsconfig', subject);
  const words: string[] = [];
  const line = Buffer.alloc(4096);
  try {
    for (;;) words.push(line.toString('utf8', 2, readSync(context, line, 0, line.length, null)).trim());
  } catch {
    // ENODATA: that was the last line.
  }
  return words.length === 0 ? error : systemError('fsconfig', -(error.errno ?? 0), subject, words.join('; '));
}

/** mount(2), whose options must fit into one page: the layers are named through short links that live only meanwhile. */
export function mountByLine(overlay: OverlayMount): void {
  const names = mkdtempSync(join(tmpdir(), 'ov-'));
  try {
    let count = 0;
    const short = (folder: string) => {
      const link = join(names, (count++).toString(36));
      symlinkSync(folder, link);
      return link;
    };
    const options = [`lowerdir=${overlay.lowers.map(short).join(':')}`, ...plainLayers, ...(overlay.options ?? [])];
    if (overlay.upper !== undefined) {
      options.push(`upperdir=${short(overlay.upper)}`, `workdir=${short(overlay.work ?? '')}`);
    }
    const data = options.join(',');
    if (Buffer.byteLength(data) > 4095) {
      throw systemError('mount', 7, overlay.target, `${overlay.lowers.length} layers need Linux 6.5`);
    }
    mount('overlay', overlay.target, 'overlay', [], data);
  } finally {
    rmSync(names, { recursive: true, force: true });
  }
}
