import { readFileSync } from 'node:fs';
import { nameOf, readlinkSync } from '../sys/index.ts';

/** What Node puts in the place of bytes that are no text: then the kernel is asked for them. */
const lost = '\ufffd';

/** The arguments of this process after the program's name; paths among them may be of any bytes. */
export function ownArguments(): readonly string[] {
  const args = process.argv.slice(2);
  if (!args.some((arg) => arg.includes(lost))) return args;
  return nameOf(readFileSync('/proc/self/cmdline')).split('\0').slice(0, -1).slice(-args.length);
}

export function ownFolder(): string {
  const folder = process.cwd();
  return folder.includes(lost) ? readlinkSync('/proc/self/cwd') : folder;
}
