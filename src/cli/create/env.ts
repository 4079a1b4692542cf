import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../../errors/index.ts';
import type { Session } from '../session.ts';
import { invalid } from './invalid.ts';

/**
 * `NAME=value`, from files first and then as given. A name alone takes this process's value; where it has none, one in a
 * file means nothing, and one on the command line takes the variable away from the container.
 */
export function readEnvironment(
  files: readonly string[],
  given: readonly string[],
  { cwd, env }: Pick<Session, 'cwd' | 'env'>,
): string[] {
  const valued = (line: string) => (line.includes('=') || env[line] === undefined ? line : `${line}=${env[line]}`);
  const listed = files.flatMap((file) => linesOf(file, cwd, 'variable')).map(valued);
  return [...listed.filter((line) => line.includes('=')), ...given.map(valued)];
}

/** Labels by name, from files first and then as given. */
export function readLabels(
  files: readonly string[],
  given: readonly string[],
  { cwd }: Pick<Session, 'cwd'>,
): Record<string, string> {
  const lines = [...files.flatMap((file) => linesOf(file, cwd, 'label')), ...given];
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      const name = at === -1 ? line : line.slice(0, at);
      return [name, at === -1 ? '' : line.slice(at + 1)];
    }),
  );
}

function linesOf(file: string, cwd: string, what: string): string[] {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw invalid(missing ? `open ${file}: no such file or directory` : messageOf(error));
  }
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const name = line.split('=')[0]!;
      if (/\s/.test(name)) throw invalid(`${what} '${name}' contains whitespaces`);
      if (name === '') throw invalid(`no ${what} name on line '${line}'`);
      return line;
    });
}
