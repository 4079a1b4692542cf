/** Which files a shell command makes, as far as its words tell. */

import { posix } from 'node:path';
import { operandsOf, programOf, type ShellCommand } from './shell-text.ts';

export interface MadeFile {
  /** As the command names it: absolute, or from where the shell stands. */
  readonly path: string;
  /** A folder that is empty until something is put into it. */
  readonly isFolder: boolean;
}

const preparing = new Set([
  'mkdir',
  'cd',
  'chown',
  'chmod',
  'set',
  'echo',
  'useradd',
  'adduser',
  'groupadd',
  'addgroup',
  'rm',
]);

/** Makes folders and accounts, and nothing of any size. */
export function isOnlyPreparation(command: ShellCommand): boolean {
  return preparing.has(programOf(command));
}

export function filesMadeBy(command: ShellCommand): readonly MadeFile[] {
  const file = (path: string | undefined): MadeFile[] =>
    path === undefined || path === '' || path === '-' ? [] : [{ path, isFolder: false }];
  switch (programOf(command)) {
    case 'mkdir':
      return operandsOf(command, ['-m', '--mode']).map((path) => ({ path, isFolder: true }));
    case 'curl':
      return file(
        optionValue(command, /^(-o|--output|-\w*o)$/) ??
          (has(command, /^(-\w*O\w*|--remote-name)$/) ? urlName(command) : ''),
      );
    case 'wget':
      return file(
        optionValue(command, /^(-O|--output-document|-\w*O)$/) ??
          inFolder(optionValue(command, /^(-P|--directory-prefix)$/), urlName(command)),
      );
    case 'git':
      return file(clonedFolder(command));
    case 'tar':
      return file(unpackedFolder(command));
    case 'unzip':
      return file(optionValue(command, /^-d$/));
    case 'cp':
      return file(
        operandsOf(command, ['-t', '--target-directory'])
          .at(-1)
          ?.replace(/(.)\/+$/, '$1'),
      );
    default:
      return [];
  }
}

function has(command: ShellCommand, option: RegExp): boolean {
  return command.some((word, index) => index > 0 && option.test(word));
}

function optionValue(command: ShellCommand, option: RegExp): string | undefined {
  const at = command.findIndex((word, index) => index > 0 && option.test(word));
  return at > 0 ? command[at + 1] : undefined;
}

function urlName(command: ShellCommand): string {
  const url = command.find((word) => /^(https?|ftp):\/\//.test(word));
  return url === undefined ? '' : posix.basename(url.replace(/[?#].*$/, ''));
}

function inFolder(folder: string | undefined, name: string): string {
  return folder === undefined || name === '' ? name : posix.join(folder, name);
}

function clonedFolder(command: ShellCommand): string | undefined {
  const [action, url, folder] = operandsOf(command, ['-b', '--branch', '--depth', '-C', '-c', '-o', '-j', '--origin']);
  if (action !== 'clone' || url === undefined) return undefined;
  return folder ?? posix.basename(url).replace(/\.git$/, '');
}

/** Archives of sources hold one folder, named as they are: a guess that only counts where that very folder is removed. */
function unpackedFolder(command: ShellCommand): string | undefined {
  const modes = command.slice(1).filter((word, index) => index === 0 || /^-\w/.test(word));
  const unpacks = modes.some((word) => /^-?\w*x/.test(word)) || has(command, /^(--extract|--get)$/);
  const archive = command.find((word, index) => index > 0 && /\.(tar(\.\w+)?|t[bgx]z2?)$/.test(word));
  if (!unpacks || archive === undefined) return undefined;
  const name = posix.basename(archive).replace(/\.(tar(\.\w+)?|t[bgx]z2?)$/, '');
  return inFolder(optionValue(command, /^(-C|--directory)$/), name);
}
