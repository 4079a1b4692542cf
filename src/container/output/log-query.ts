import { StrataError } from '../../errors/index.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import type { ContainerStore } from '../store.ts';
import type { LogChunk, LogOptions } from '../types.ts';
import { followLog, logSize, readLog, tailStart } from './log-file.ts';

/** `docker logs`: what is in the log, then what comes until the container ends. */
export async function* queryLogs(
  record: ContainerRecord,
  options: LogOptions,
  store: ContainerStore,
): AsyncGenerator<LogChunk> {
  if (record.host.LogConfig?.Type === 'none')
    throw new StrataError('unsupported', 'configured logging driver does not support reading');
  const wanted = (chunk: LogChunk) =>
    (chunk.stream === 'stdout' ? options.stdout : options.stderr) && inTime(chunk, options);
  let from = 0;
  if (options.tail !== undefined) {
    const end = await logSize(record.logPath);
    yield* await lastLines(record.logPath, wanted, options, end);
    from = end;
  }
  const ended = () => {
    const now = store.find(record.id);
    return !options.follow || !now || !isRunning(now);
  };
  const chunks = followLog(record.logPath, {
    from,
    ended,
    onWake: (wake) => store.onChange(record.id, wake),
    ...(options.signal && { signal: options.signal }),
  });
  for await (const chunk of chunks) {
    if (wanted(chunk)) yield chunk;
    else if (isAfter(chunk, options)) return;
  }
}

function inTime(chunk: LogChunk, { since, until }: LogOptions): boolean {
  if (since === undefined && until === undefined) return true;
  const time = Date.parse(chunk.time) / 1000;
  return time >= (since ?? 0) && time <= (until ?? Number.POSITIVE_INFINITY);
}

function isAfter(chunk: LogChunk, { until }: LogOptions): boolean {
  return until !== undefined && Date.parse(chunk.time) / 1000 > until;
}

/** The last `tail` lines that are wanted, of the first `end` bytes; a line may be of several chunks. */
async function lastLines(
  path: string,
  wanted: (chunk: LogChunk) => boolean,
  options: LogOptions,
  end: number,
): Promise<readonly LogChunk[]> {
  const count = options.tail ?? 0;
  if (count === 0) return [];
  const all = options.stdout && options.stderr && options.since === undefined && options.until === undefined;
  const from = all ? await tailStart(path, count, end) : 0;
  const lines: LogChunk[][] = [];
  let open: LogChunk[] = [];
  for await (const chunk of readLog(path, from, end)) {
    if (!wanted(chunk)) continue;
    open.push({ ...chunk, data: Uint8Array.from(chunk.data) });
    if (chunk.data.at(-1) !== 0x0a) continue;
    lines.push(open);
    open = [];
    if (lines.length > 2 * count + 1000) lines.splice(0, lines.length - count);
  }
  if (open.length > 0) lines.push(open);
  return lines.slice(-count).flat();
}
