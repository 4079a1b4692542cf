import type { EngineEvent } from '../../engine/index.ts';
import { byName } from '../by-name.ts';

/** An event as `GET /events` writes it: with the fields of API 1.21 that clients still read. */
export function eventView(event: EngineEvent): Record<string, unknown> {
  const legacy = event.Type === 'container' || event.Type === 'image';
  const from = event.Type === 'container' ? event.Actor.Attributes['image'] : undefined;
  return {
    ...(legacy && { status: event.Action }),
    ...(legacy && event.Actor.ID !== '' && { id: event.Actor.ID }),
    ...(from && { from }),
    Type: event.Type,
    Action: event.Action,
    Actor: { ID: event.Actor.ID, Attributes: byName(event.Actor.Attributes) },
    scope: event.scope,
    time: event.time,
    timeNano: event.timeNano,
  };
}
