import type { FastifyInstance } from 'fastify';
import type { EngineEvent } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import { type Filters, readFilters } from '../filters.ts';
import { queryOf, versionOf } from '../server.ts';
import { openStream, type StreamReply } from '../stream-reply.ts';
import { parseMoment } from '../time.ts';
import type { ApiBackend } from '../types.ts';
import { before } from '../version.ts';
import { eventView } from '../views/event.ts';

const known = [
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'volume',
];

export function addEventRoutes(app: FastifyInstance, backend: Pick<ApiBackend, 'events'>): void {
  app.get('/events', async (request, reply) => {
    const query = queryOf(request);
    const since = parseMoment(query.text('since'));
    const until = parseMoment(query.text('until'));
    if (since !== undefined && until !== undefined && since > until)
      throw new StrataError(
        'invalid_argument',
        `\`since\` time (${query.text('since')}) cannot be after \`until\` time (${query.text('until')})`,
      );
    const filters = readFilters(query, known);
    const version = versionOf(request);
    const isTold = ({ Type, Action }: EngineEvent) =>
      !before(version, 'imageCreateEvents') || Type !== 'image' || Action !== 'create';
    const stream = openStream(reply, 'application/json');
    stream.start();
    follow(backend.events, stream, { since, until, wanted: (event) => isTold(event) && matches(event, filters) });
  });
}

interface Window {
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly wanted: (event: EngineEvent) => boolean;
}

function follow(events: ApiBackend['events'], stream: StreamReply, window: Window): void {
  const tell = (event: EngineEvent) => {
    const at = event.timeNano / 1e9;
    if (window.until !== undefined && at > window.until) return;
    if (window.wanted(event)) stream.post(`${JSON.stringify(eventView(event))}\n`);
  };
  if (window.since !== undefined) {
    for (const event of events.recent()) if (event.timeNano / 1e9 >= window.since) tell(event);
  }
  const left = window.until === undefined ? undefined : window.until * 1000 - Date.now();
  if (left !== undefined && left <= 0) {
    stream.end();
    return;
  }
  const unsubscribe = events.subscribe(tell);
  // setTimeout cannot wait longer than 2^31 ms; nobody waits 24 days.
  const timer = left === undefined ? undefined : setTimeout(finish, Math.min(left, 2 ** 31 - 1));
  stream.signal.addEventListener('abort', finish, { once: true });
  function finish(): void {
    unsubscribe();
    clearTimeout(timer);
    if (!stream.signal.aborted) stream.end();
  }
}

function matches(event: EngineEvent, filters: Filters): boolean {
  const { ID, Attributes } = event.Actor;
  const subject = (type: string, candidates: readonly string[]) =>
    !filters.has(type) ||
    (event.Type === type &&
      filters
        .values(type)
        .some((want) => candidates.some((one) => one === want || (one === ID && one.startsWith(want)))));
  const name = Attributes['name'] ?? '';
  return (
    filters.exact('type', event.Type) &&
    filters.exact('scope', event.scope) &&
    // `exec_create: sh` is asked for as `exec_create`, `health_status: healthy` as `health_status`.
    (!filters.has('event') ||
      filters.values('event').some((want) => event.Action === want || event.Action.startsWith(`${want}:`))) &&
    filters.labels(Attributes) &&
    subject('container', [ID, name]) &&
    subject('network', [ID, name]) &&
    subject('volume', [ID, name]) &&
    subject('daemon', [ID, name]) &&
    matchesImage(event, filters)
  );
}

/** An image is asked for by id or name; for containers, by the name they were made from. */
function matchesImage(event: EngineEvent, filters: Filters): boolean {
  if (!filters.has('image')) return true;
  const { ID, Attributes } = event.Actor;
  const names = event.Type === 'image' ? [ID, Attributes['name']] : [Attributes['image']];
  const withoutTag = (text: string) =>
    text.lastIndexOf(':') > text.lastIndexOf('/') ? text.slice(0, text.lastIndexOf(':')) : text;
  return filters
    .values('image')
    .some((want) => names.some((name) => name !== undefined && (name === want || withoutTag(name) === want)));
}
