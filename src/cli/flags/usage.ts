import type { Flags } from './flag.ts';

/** The table of options of a help text, wrapped to `width` columns. */
export function flagUsages(flags: Flags, width: number): string {
  const rows = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => ({
      head: `${flag.short ? `  -${flag.short}, ` : '      '}--${name}${flag.type ? ` ${flag.type}` : ''}`,
      tail: flag.usage + (flag.shown ? ` (default ${flag.shown})` : ''),
    }));
  const column = Math.max(0, ...rows.map((row) => row.head.length)) + 3;
  return rows.map(({ head, tail }) => head.padEnd(column) + wrap(tail, column, width)).join('\n');
}

/** Lines of at most `width` columns, every line but the first indented. A line break in the text stays. */
function wrap(text: string, indent: number, width: number): string {
  const room = Math.max(24, width - indent);
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > room) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
