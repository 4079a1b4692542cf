import { type Engine, networkEvent } from '../engine/index.ts';
import type { Image } from '../image/index.ts';
import type { Network } from '../network/index.ts';
import { familiarName, parseReference } from '../oci/index.ts';
import type { BuildResult } from '../wire/index.ts';
import type { ApiBackend } from './types.ts';

type Events = Pick<Engine['events'], 'publish'>;

/**
 * `name` is the name that the action was about, as the client wrote it. The labels of the image go along, so that they can be
 * filtered by; one that is gone has none.
 */
export function publishImage(
  events: Events,
  action: string,
  actor: { readonly id: string; readonly name: string },
  image: Pick<Image, 'config'> | undefined,
): void {
  const Attributes = { ...image?.config.config?.Labels, name: actor.name };
  events.publish({ Type: 'image', Action: action, Actor: { ID: actor.id, Attributes } });
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
export async function publishBuilt(
  { events, images }: Pick<ApiBackend, 'events' | 'images'>,
  { imageID: id, names = [] }: BuildResult,
): Promise<void> {
  if (id === undefined) return;
  const image = await images.find(id);
  publishImage(events, 'create', { id, name: id }, image);
  for (const name of names) publishImage(events, 'tag', { id, name: familiarName(parseReference(name)) }, image);
}
