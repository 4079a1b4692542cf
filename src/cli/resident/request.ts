import { lstatSync, readlinkSync, statSync } from 'node:fs';
import { nameOf } from '../../sys/index.ts';

/**
 * A command that the launcher hands to the daemon: four bytes of length (big-endian), then fields that end with a zero
 * byte each, which neither arguments nor variables can hold: the place ({@link placeOf}), the terminals of standard
 * output and of standard error ("COLUMNS ROWS", empty where it is none), the working directory, the number of
 * arguments, the arguments, the variables as NAME=VALUE.
 */
export interface CommandRequest {
  readonly place: string;
  readonly stdout: TerminalSize | undefined;
  readonly stderr: TerminalSize | undefined;
  readonly cwd: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** More than the kernel lets a program have of arguments and variables (MAX_ARG_STRLEN and a quarter of the stack). */
export const maxRequest = 8 * 1024 * 1024;

/** Undefined where the bytes are no request. */
export function parseRequest(bytes: Buffer): CommandRequest | undefined {
  const fields = nameOf(bytes).split('\0');
  const [place = '', stdout = '', stderr = '', cwd = '', count = ''] = fields.splice(0, 5);
  // After the last end.
  if (fields.pop() !== '' || !/^\d{1,6}$/.test(count) || Number(count) > fields.length) return undefined;
  const args = fields.splice(0, Number(count));
  const env: Record<string, string> = {};
  for (const pair of fields) {
    const equals = pair.indexOf('=', 1);
    if (equals > 0) env[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return { place, stdout: sizeOf(stdout), stderr: sizeOf(stderr), cwd, args, env };
}

function sizeOf(text: string): TerminalSize | undefined {
  const match = /^(\d{1,5}) (\d{1,5})$/.exec(text);
  return match ? { columns: Number(match[1]), rows: Number(match[2]) } : undefined;
}

/**
 * What has to be the same for a command to do the same in the daemon as in a process of the caller's: the program, its
 * mount namespace and root, the machine's time zone and the mask of new files. The launcher says it in the same words.
 */
export function placeOf(program: string): string {
  const { dev, ino, size, mtimeNs } = statSync(program, { bigint: true });
  const root = statSync('/', { bigint: true });
  const zone = '/etc/localtime';
  return [
    `${dev} ${ino} ${size} ${mtimeNs / 1_000_000_000n}`,
    statSync('/proc/self/ns/mnt', { bigint: true }).ino,
    `${root.dev} ${root.ino}`,
    lstatSync(zone, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(zone) : '',
    process.umask(),
  ].join('\n');
}
