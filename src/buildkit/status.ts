import { clone, create } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type BuildEvent, readsDefinition, warningParts } from '../progress/index.ts';
import { type StatusResponse, StatusResponseSchema, type Vertex, VertexSchema } from './wire/control_pb.ts';

/** Turns a build's events, one after another, into what `Control.Status` streams. */
export function createStatusRenderer(): (event: BuildEvent) => StatusResponse | undefined {
  const vertices = new Map<string, Vertex>();
  const bars = new Map<string, Timestamp>();
  let definition = '';
  /** Instructions that only change the configuration are no vertices to BuildKit's clients. */
  const unseen = new Set<string>();

  function vertex(id: string, fields: Partial<Omit<Vertex, '$typeName'>>): StatusResponse {
    const known = vertices.get(id) ?? create(VertexSchema, { digest: id, name: id });
    vertices.set(id, Object.assign(known, fields));
    return create(StatusResponseSchema, { vertexes: [clone(VertexSchema, known)] });
  }

  return (event) => {
    if (event.type === 'vertex' && event.kind === 'metadata') unseen.add(event.id);
    if (event.id !== undefined && unseen.has(event.id) && event.type !== 'failed') return undefined;
    switch (event.type) {
      case 'vertex':
        if (readsDefinition(event.name)) definition = event.id;
        return vertex(event.id, { digest: event.id, name: event.name });
      case 'started':
        // To clients each start begins an interval that needs an end of its own.
        if (vertices.get(event.id)?.started) return undefined;
        return vertex(event.id, { started: timestampFromMs(event.at) });
      case 'completed': {
        const at = timestampFromMs(event.at);
        return vertex(event.id, {
          started: vertices.get(event.id)?.started ?? at,
          completed: at,
          cached: event.cached,
        });
      }
      case 'failed':
        return vertex(event.id, { completed: timestampFromMs(event.at), error: event.message });
      case 'cancelled':
        return vertex(event.id, { completed: timestampFromMs(event.at), error: 'context canceled' });
      case 'log':
        return create(StatusResponseSchema, {
          logs: [
            {
              vertex: event.id,
              stream: event.stream === 'stdout' ? 1n : 2n,
              msg: Buffer.from(event.text),
              timestamp: timestampFromMs(event.at),
            },
          ],
        });
      case 'status': {
        const key = `${event.id} ${event.status}`;
        const at = timestampFromMs(event.at);
        const started = bars.get(key) ?? at;
        bars.set(key, started);
        return create(StatusResponseSchema, {
          statuses: [
            {
              ID: event.status,
              vertex: event.id,
              // The client takes these for bytes.
              ...(event.unit === 'bytes' && {
                current: BigInt(Math.round(event.current)),
                total: BigInt(Math.round(event.total ?? 0)),
              }),
              timestamp: at,
              started,
              ...(event.done && { completed: at }),
            },
          ],
        });
      }
      case 'warning': {
        const { short, detail, url, source } = warningParts(event);
        return create(StatusResponseSchema, {
          warnings: [
            {
              vertex: event.id ?? definition,
              level: 1n,
              short: Buffer.from(short),
              detail: detail.map((text) => Buffer.from(text)),
              url: url ?? '',
              ...(source && {
                info: {
                  filename: source.filename,
                  ...(source.data !== undefined && { data: Buffer.from(source.data) }),
                  language: 'Dockerfile',
                },
                ranges: source.ranges.map(({ start, end }) => ({ start, end })),
              }),
            },
          ],
        });
      }
      case 'waiting':
      case 'miss':
        return undefined;
    }
  };
}
