import type { BuildEvent } from './events.ts';
import type { BuildRenderer } from './renderer.ts';
import { readsDefinition, warningParts } from './warnings.ts';

/**
 * The machine-readable view: one JSON document a line in the form of BuildKit's SolveStatus, which is what programs
 * that read `--progress=rawjson` know. Why a step missed the cache is added as `misses`.
 */
export function createRawJsonRenderer(): BuildRenderer {
  const vertices = new Map<string, Record<string, unknown>>();
  const bars = new Map<string, string>();
  let definition = '';

  const document = (event: BuildEvent): object | undefined => {
    switch (event.type) {
      case 'vertex': {
        const vertex = { digest: event.id, name: event.name };
        vertices.set(event.id, vertex);
        if (readsDefinition(event.name)) definition = event.id;
        return { vertexes: [vertex] };
      }
      case 'started':
        // To who reads this each start begins an interval that needs an end of its own.
        if (vertices.get(event.id)?.['started'] !== undefined) return undefined;
        return { vertexes: [change(event.id, { started: time(event.at) })] };
      case 'completed': {
        const begun = vertices.get(event.id)?.['started'] ?? time(event.at);
        return {
          vertexes: [
            change(event.id, { started: begun, completed: time(event.at), ...(event.cached && { cached: true }) }),
          ],
        };
      }
      case 'failed':
        return { vertexes: [change(event.id, { completed: time(event.at), error: event.message })] };
      case 'cancelled':
        return { vertexes: [change(event.id, { completed: time(event.at), error: 'context canceled' })] };
      case 'log':
        return {
          logs: [
            {
              vertex: event.id,
              stream: event.stream === 'stdout' ? 1 : 2,
              data: base64(event.text),
              timestamp: time(event.at),
            },
          ],
        };
      case 'status': {
        const key = `${event.id} ${event.status}`;
        if (!bars.has(key)) bars.set(key, time(event.at));
        return {
          statuses: [
            {
              id: event.status,
              vertex: event.id,
              current: event.current,
              ...(event.total !== undefined && { total: event.total }),
              timestamp: time(event.at),
              started: bars.get(key),
              ...(event.done && { completed: time(event.at) }),
            },
          ],
        };
      }
      case 'warning': {
        const { short, detail, url, source } = warningParts(event);
        return {
          warnings: [
            {
              vertex: event.id ?? definition,
              level: 1,
              short: base64(short),
              ...(detail.length > 0 && { detail: detail.map(base64) }),
              ...(url !== undefined && { url }),
              ...(source && {
                sourceInfo: {
                  filename: source.filename,
                  ...(source.data !== undefined && { data: base64(source.data) }),
                  language: 'Dockerfile',
                },
                range: source.ranges,
              }),
            },
          ],
        };
      }
      case 'waiting':
        // To its readers it is not started.
        return undefined;
      case 'miss':
        return { misses: [{ vertex: event.id, ...event.reason }] };
    }
  };

  function change(id: string, fields: object): object {
    const vertex = { ...(vertices.get(id) ?? { digest: id, name: id }), ...fields };
    vertices.set(id, vertex);
    return vertex;
  }

  return {
    push(event) {
      const one = document(event);
      return one === undefined ? '' : `${JSON.stringify(one)}\n`;
    },
    end: () => '',
  };
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
