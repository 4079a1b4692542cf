import { StringDecoder } from 'node:string_decoder';
import { StrataError } from '../errors/index.ts';

/** One document; a log line of a build can be long, a gigabyte without an end is not a document. */
const maxLine = 64 * 1024 * 1024;

/** JSON documents, one a line, as they come. A line that is not JSON is `data_loss`. */
export async function* readLines<T>(
  source: AsyncIterable<Uint8Array>,
  read: (text: string) => unknown = JSON.parse,
): AsyncGenerator<T> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of source) {
    rest += decoder.write(chunk as Buffer);
    let start = 0;
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n', start)) {
      const line = rest.slice(start, end).trim();
      start = end + 1;
      if (line !== '') yield parse<T>(line, read);
    }
    rest = rest.slice(start);
    if (rest.length > maxLine) throw new StrataError('data_loss', 'the daemon sent a line without an end');
  }
  rest += decoder.end();
  if (rest.trim() !== '') yield parse<T>(rest, read);
}

function parse<T>(line: string, read: (text: string) => unknown): T {
  try {
    return read(line) as T;
  } catch (cause) {
    throw new StrataError('data_loss', 'the connection to the daemon broke in the middle of its answer', { cause });
  }
}
