import type { BuildResult } from '../build/index.ts';
import { type Engine, networkEvent } from '../engine/index.ts';
import type { Network } from '../network/index.ts';
import { familiarName, parseReference } from '../oci/index.ts';

type Events = Pick<Engine['events'], 'publish'>;

/** `name` is the name that the action was about, as the client wrote it. */
export function publishImage(events: Events, action: string, id: string, name: string): void {
  events.publish({ Type: 'image', Action: action, Actor: { ID: id, Attributes: { name } } });
}

export function publishVolume(events: Events, action: string, name: string): void {
  events.publish({ Type: 'volume', Action: action, Actor: { ID: name, Attributes: { driver: 'local' } } });
}

export function publishNetwork(
  events: Events,
  action: string,
  network: Pick<Network, 'id' | 'name' | 'driver'>,
  more: Readonly<Record<string, string>> = {},
): void {
  events.publish(networkEvent(action, network, more));
}

/** A build made an image and gave it names. */
export function publishBuilt(events: Events, { imageID, names = [] }: BuildResult): void {
  if (imageID === undefined) return;
  publishImage(events, 'create', imageID, imageID);
  for (const name of names) publishImage(events, 'tag', imageID, familiarName(parseReference(name)));
}
