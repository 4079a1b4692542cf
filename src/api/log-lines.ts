import type { LogChunk } from '../container/index.ts';

/** Puts the time in front of each line, and of each piece of a line that arrived alone. */
export async function* stampedLines(chunks: AsyncIterable<LogChunk>): AsyncGenerator<LogChunk> {
  for await (const chunk of chunks) {
    const stamp = Buffer.from(`${chunk.time} `);
    const parts: Uint8Array[] = [];
    const { data } = chunk;
    for (let start = 0; start < data.length; ) {
      const newline = data.indexOf(10, start);
      const end = newline < 0 ? data.length : newline + 1;
      parts.push(stamp, data.subarray(start, end));
      start = end;
    }
    yield { ...chunk, data: Buffer.concat(parts) };
  }
}
