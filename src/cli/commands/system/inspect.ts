import type { Client } from '../../../client/index.ts';
import { StrataError, toStrataError } from '../../../errors/index.ts';
import { defineCommand } from '../../command.ts';
import { bool, text } from '../../flags/flag.ts';
import { plainFormat } from '../../flags/format-flag.ts';
import { inspectObjects } from '../../inspect-objects.ts';

type Fetch = (client: Client, name: string, size: boolean) => Promise<string>;

/** In the order in which a bare name is looked for. */
const kinds: Readonly<Record<string, Fetch>> = {
  container: ({ containers }, name, size) => containers.inspectText(name, { size }),
  image: ({ images }, name) => images.inspect(name),
  network: ({ networks }, name) => networks.inspect(name),
  volume: ({ volumes }, name) => volumes.inspect(name),
};

export const command = defineCommand({
  synopsis: '[OPTIONS] NAME|ID [NAME|ID...]',
  args: { min: 1 },
  flags: {
    format: plainFormat('f'),
    size: bool('s', 'Display total file sizes if the type is container'),
    type: text('', 'Only inspect objects of this type: container, image, network or volume'),
  },
  examples: [
    ["inspect -f '{{.NetworkSettings.IPAddress}}' web", 'the address of a container'],
    ["inspect -f '{{json .Config.Labels}}' app:1", 'the labels of an image'],
  ],
  async run({ flags, given, args, session, client }) {
    if (given.has('type') && !Object.hasOwn(kinds, flags.type)) throw unknownType(flags.type);
    const engine = await client();
    const fetch = flags.type === '' ? anyKind : oneKind(flags.type);
    const ignored = (kind: string) => {
      if (flags.size && kind !== 'container') session.stderr.write(`WARNING: --size ignored for ${kind}\n`);
    };
    return await inspectObjects(args, flags.format, session, async (name) => {
      const found = await fetch(engine, name, flags.size);
      ignored(found.kind);
      return found.text;
    });
  },
});

interface Found {
  readonly kind: string;
  readonly text: string;
}

function oneKind(kind: string) {
  return async (client: Client, name: string, size: boolean): Promise<Found> => ({
    kind,
    text: await kinds[kind]!(client, name, size),
  });
}

async function anyKind(client: Client, name: string, size: boolean): Promise<Found> {
  for (const kind of Object.keys(kinds)) {
    try {
      return await oneKind(kind)(client, name, size);
    } catch (error) {
      // A name that one kind of object cannot have may well be another's.
      if (!['not_found', 'invalid_argument'].includes(toStrataError(error).kind)) throw error;
    }
  }
  throw new StrataError('not_found', `Error: No such object: ${name}`, { code: 'object_not_found' });
}

function unknownType(type: string): StrataError {
  const known = Object.keys(kinds).map((kind) => JSON.stringify(kind));
  const message = type === '' ? 'type is empty' : `unknown type: ${JSON.stringify(type)}`;
  return new StrataError('invalid_argument', `${message}: must be one of ${known.join(', ')}`, {
    code: 'unknown_type',
  });
}
