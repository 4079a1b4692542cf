import { readdirSync, readFileSync } from 'node:fs';
import { StrataError } from '../errors/index.ts';
import { runProgram } from '../runtime/index.ts';

/** Processes of the container whose first process is `pid`, as the host's `ps` shows them: those of its pid namespace. */
export async function listProcesses(
  pid: number,
  psArgs: string,
): Promise<{ readonly Titles: readonly string[]; readonly Processes: readonly (readonly string[])[] }> {
  const args = psArgs.trim() === '' ? ['-ef'] : psArgs.trim().split(/\s+/);
  const { code, stdout, stderr } = await runProgram('/usr/bin/ps', args);
  if (code !== 0) throw new StrataError('invalid_argument', `ps: ${stderr.trim().split('\n', 1)[0]}`);
  const [header = '', ...lines] = stdout.trimEnd().split('\n');
  const titles = header.trim().split(/\s+/);
  const column = titles.indexOf('PID');
  if (column < 0) throw new StrataError('invalid_argument', "Couldn't find PID field in ps output");
  const own = namespacePids(pid);
  const processes = lines.map((line) => columns(line, titles.length)).filter((row) => own.has(Number(row[column])));
  return { Titles: titles, Processes: processes };
}

/** The last column takes the rest of the line. */
function columns(line: string, count: number): string[] {
  const words = line.trim().split(/\s+/);
  return words.length <= count ? words : [...words.slice(0, count - 1), words.slice(count - 1).join(' ')];
}

/** Every process below `pid`, by the parents that the kernel tells. */
function namespacePids(pid: number): ReadonlySet<number> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const found = new Set<number>();
  const visit = (one: number) => {
    found.add(one);
    for (const child of children.get(one) ?? []) visit(child);
  };
  visit(pid);
  return found;
}
