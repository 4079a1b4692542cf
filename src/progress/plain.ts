/** The plain view: one line for each thing that happens, with the number of its vertex, as BuildKit's plain progress. */
import type { BuildEvent } from './events.ts';
import type { BuildRenderer } from './renderer.ts';
import { formatBytes } from './units.ts';
import { type CheckWarning, warningLines } from './warnings.ts';

interface Seen {
  readonly number: number;
  readonly name: string;
  readonly isMetadata: boolean;
  startedAt: number;
  /** A log line that has no end yet, by stream. */
  rest: { stdout: string; stderr: string };
  /** Bars that were told of as done. */
  readonly told: Set<string>;
}

export function createPlainRenderer(): BuildRenderer {
  const seen = new Map<string, Seen>();
  const pending = new Map<string, Extract<BuildEvent, { type: 'vertex' }>>();
  const checks: CheckWarning[] = [];
  let last = -1;

  /** A blank line and the name stand above what another vertex says. */
  function say(vertex: Seen, lines: readonly string[]): string {
    const head = last === vertex.number ? '' : `${last < 0 ? '' : '\n'}#${vertex.number} ${vertex.name}\n`;
    last = vertex.number;
    return head + lines.map((line) => `#${vertex.number} ${line}\n`).join('');
  }

  function touch(id: string): Seen | undefined {
    const known = seen.get(id);
    if (known) return known;
    const declared = pending.get(id);
    if (!declared) return undefined;
    const vertex: Seen = {
      number: seen.size + 1,
      name: declared.name,
      isMetadata: declared.kind === 'metadata',
      startedAt: Date.now(),
      rest: { stdout: '', stderr: '' },
      told: new Set(),
    };
    seen.set(id, vertex);
    return vertex;
  }

  function log(vertex: Seen, event: Extract<BuildEvent, { type: 'log' }>): string {
    const parts = (vertex.rest[event.stream] + event.text).split('\n');
    vertex.rest[event.stream] = parts.pop() ?? '';
    const time = Math.max(0, (event.at - vertex.startedAt) / 1000).toFixed(3);
    return parts.length === 0
      ? ''
      : say(
          vertex,
          parts.map((line) => `${time} ${line.replace(/\r$/, '')}`),
        );
  }

  /** Lines that a step left without an end. */
  function leftover(vertex: Seen): readonly string[] {
    const lines = [vertex.rest.stdout, vertex.rest.stderr].filter((line) => line !== '');
    vertex.rest = { stdout: '', stderr: '' };
    return lines;
  }

  return {
    push(event) {
      if (event.type === 'warning') {
        if (event.rule !== undefined) checks.push(event);
        return event.rule === undefined ? `WARNING: ${event.message}\n` : '';
      }
      if (event.type === 'vertex') {
        pending.set(event.id, event);
        return '';
      }
      if (pending.get(event.id)?.kind === 'metadata') return '';
      const vertex = touch(event.id);
      if (!vertex) return '';
      switch (event.type) {
        case 'started':
          vertex.startedAt = event.at;
          return say(vertex, []);
        case 'log':
          return log(vertex, event);
        case 'status': {
          if (!event.done || vertex.told.has(event.status)) return '';
          vertex.told.add(event.status);
          const amount = event.unit === 'bytes' && event.current > 0 ? ` ${formatBytes(event.current)}` : '';
          return say(vertex, [`${event.status}${amount} done`]);
        }
        case 'miss':
          return say(vertex, [
            `not cached: ${event.reason.text}`,
            ...(event.reason.paths ?? []).map((path) => `  ${path}`),
          ]);
        case 'completed':
          return say(vertex, [
            ...leftover(vertex),
            event.cached ? 'CACHED' : `DONE ${((event.at - vertex.startedAt) / 1000).toFixed(1)}s`,
          ]);
        case 'failed':
          return say(vertex, [...leftover(vertex), `ERROR: ${event.message}`]);
        case 'cancelled':
          return say(vertex, [...leftover(vertex), 'CANCELED']);
      }
    },
    end: () => warningLines(checks).join(''),
  };
}
