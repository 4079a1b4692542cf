import type { LogChunk } from '../container/index.ts';

/** What stands in front of each line: its time, and what the container's log options tell of it. */
export interface LineMarks {
  readonly timestamps: boolean;
  /** Names and values; absent where nobody asked for them. */
  readonly details: Readonly<Record<string, string>> | undefined;
}

/** Puts the marks in front of each line, and of each piece of a line that arrived alone. */
export async function* markedLines(chunks: AsyncIterable<LogChunk>, marks: LineMarks): AsyncGenerator<LogChunk> {
  const details = marks.details && `${detailsText(marks.details)} `;
  for await (const chunk of chunks) {
    const mark = Buffer.from(`${marks.timestamps ? `${inUtc(chunk.time)} ` : ''}${details ?? ''}`);
    const parts: Uint8Array[] = [];
    const { data } = chunk;
    for (let start = 0; start < data.length; ) {
      const newline = data.indexOf(10, start);
      const end = newline < 0 ? data.length : newline + 1;
      parts.push(mark, data.subarray(start, end));
      start = end;
    }
    yield { ...chunk, data: Buffer.concat(parts) };
  }
}

/** Sorted, and written as a form's fields are, as Docker's daemon does. */
function detailsText(details: Readonly<Record<string, string>>): string {
  const text = (word: string) =>
    encodeURIComponent(word)
      .replaceAll('%20', '+')
      .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return Object.keys(details)
    .sort()
    .map((name) => `${text(name)}=${text(details[name]!)}`)
    .join(',');
}

/** Nine digits and `Z`, whatever the clock of whoever wrote the log: what sorts as text sorts by time. */
function inUtc(time: string): string {
  const nanoseconds = (/\.(\d+)/.exec(time)?.[1] ?? '').padEnd(9, '0').slice(0, 9);
  return `${new Date(time).toISOString().slice(0, 19)}.${nanoseconds}Z`;
}
