import { StrataError } from '../../../errors/index.ts';
import type { EventMessage } from '../../../wire/index.ts';
import { defineCommand } from '../../command.ts';
import { filter, text } from '../../flags/flag.ts';
import { plainFormat } from '../../flags/format-flag.ts';
import { localRfc3339Nano } from '../../format/human-time.ts';
import { compactJson } from '../../format/json-text.ts';
import { compile, guarded, readFormat } from '../../format/listing.ts';
import { TemplateError } from '../../format/template/ast.ts';
import { goJson, goType } from '../../format/template/values.ts';
import { momentText } from '../../moment.ts';
import type { Session } from '../../session.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS]',
  args: { min: 0, max: 0 },
  flags: {
    filter: filter('f', 'Only events that meet a condition, e.g. "type=container"'),
    format: plainFormat(''),
    since: text('', 'Begin with what happened at this moment, or this long ago ("10m")'),
    until: text('', 'Stop at this moment'),
  },
  async run({ flags, session, client }) {
    const print = printer(flags.format);
    const { host, system } = await client();
    const events = system.events({
      // Whoever starts this and then something else waits for an event of that, however long this took to start.
      since: momentText(undefined, flags.since) ?? (host.startsWith('unix:') ? calledAt(session) : undefined),
      until: momentText(undefined, flags.until),
      filters: flags.filter,
    });
    for await (const event of events) session.stdout.write(`${print(event)}\n`);
    return 0;
  },
});

/** Unix seconds, as the API takes them. */
function calledAt(session: Session): string {
  return (session.calledAt / 1000).toFixed(3);
}

function printer(format: string): (event: EventMessage) => string {
  if (format === '') return eventText;
  if (format === 'json') return compactJson;
  const template = compile(readFormat(format, '').source);
  const render = (event: EventMessage) => template.render(messageOf(event));
  try {
    render({ Type: 'container', Action: '', Actor: { ID: '', Attributes: {} }, scope: '', time: 0, timeNano: 0n });
  } catch (cause) {
    if (!(cause instanceof TemplateError)) throw cause;
    throw new StrataError('invalid_argument', `Error parsing format: ${cause.message}`, { cause, exitCode: 64 });
  }
  return (event) => guarded(() => render(event));
}

/** An event with the names of Go's fields, which templates use; as JSON it is what the API sent. */
function messageOf(event: EventMessage): object {
  return Object.assign(
    {
      Type: event.Type,
      Action: event.Action,
      Actor: event.Actor,
      Scope: event.scope,
      Time: event.time,
      TimeNano: event.timeNano,
      ID: event.Actor.ID,
      Status: event.Action,
      From: event.Actor.Attributes?.['image'] ?? '',
    },
    { [goType]: '*events.Message', [goJson]: event },
  );
}

function eventText({ timeNano, Type, Action, Actor }: EventMessage): string {
  const attributes = Object.entries(Actor.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
  const words = [localRfc3339Nano(BigInt(timeNano)), Type, Action, Actor.ID];
  return words.join(' ') + (attributes.length > 0 ? ` (${attributes.join(', ')})` : '');
}
