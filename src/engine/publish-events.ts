import type { Container, Containers } from '../container/index.ts';
import type { Image } from '../image/index.ts';
import type { Network, Networks } from '../network/index.ts';
import { familiarName, parseReference } from '../oci/index.ts';
import type { BuildResult } from '../wire/index.ts';
import type { Engine, EngineEvent } from './types.ts';

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
  { events, images }: Pick<Engine, 'events' | 'images'>,
  { imageID: id, names = [] }: BuildResult,
): Promise<void> {
  if (id === undefined) return;
  const image = await images.find(id);
  publishImage(events, 'create', { id, name: id }, image);
  for (const name of names) publishImage(events, 'tag', { id, name: familiarName(parseReference(name)) }, image);
}

/**
 * Tells the engine's bus what happens to containers, with the attributes that Docker gives. That a container is on its
 * networks is told before its start, and that it is on none before its end, as proxies expect. Returns how to stop.
 */
export function publishContainerEvents(
  containers: Containers,
  networks: Pick<Networks, 'list'>,
  events: Engine['events'],
): () => void {
  const tellNetworks = (action: 'connect' | 'disconnect', container: Container) => {
    for (const name of Object.keys(container.networks)) {
      const network = networks.list().find((one) => one.name === name);
      if (network) events.publish(networkEvent(action, network, { container: container.id }));
    }
  };
  const tellVolumes = (action: 'mount' | 'unmount', container: Container) => {
    for (const event of mountEvents(action, container)) events.publish(event);
  };
  return containers.subscribe(({ action, container, attributes }) => {
    if (action === 'start') {
      tellVolumes('mount', container);
      tellNetworks('connect', container);
    }
    // A start that failed is no end.
    if (action === 'die' && container.state.error !== '') return tellNetworks('disconnect', container);
    if (action === 'die') {
      tellNetworks('disconnect', container);
      tellVolumes('unmount', container);
    }
    events.publish(containerEvent(action, container, attributes));
  });
}

/** With what Docker tells of a container in each of its events: its labels, image and name. */
export function containerEvent(
  action: string,
  { id, name, config }: Pick<Container, 'id' | 'name' | 'config'>,
  more: Readonly<Record<string, string>> = {},
): Pick<EngineEvent, 'Type' | 'Action' | 'Actor'> {
  const Attributes = { ...config.Labels, image: config.Image ?? '', name, ...more };
  return { Type: 'container', Action: action, Actor: { ID: id, Attributes } };
}

export function networkEvent(
  action: string,
  { id, name, driver }: Pick<Network, 'id' | 'name' | 'driver'>,
  more: Readonly<Record<string, string>> = {},
): Pick<EngineEvent, 'Type' | 'Action' | 'Actor'> {
  const type = driver === 'none' ? 'null' : driver;
  return { Type: 'network', Action: action, Actor: { ID: id, Attributes: { ...more, name, type } } };
}

/** That the volumes of a container are mounted for something, and are no more. */
export function mountEvents(
  action: 'mount' | 'unmount',
  { id, mounts }: Pick<Container, 'id' | 'mounts'>,
): readonly ReturnType<typeof volumeEvent>[] {
  return mounts.flatMap(({ Type, Name, Destination, RW, Propagation }) => {
    if (Type !== 'volume' || Name === undefined) return [];
    const how = { destination: Destination, propagation: Propagation ?? '', 'read/write': String(RW) };
    return [volumeEvent(action, Name, { container: id, ...(action === 'mount' && how) })];
  });
}

export function volumeEvent(
  action: string,
  name: string,
  more: Readonly<Record<string, string>> = {},
): Pick<EngineEvent, 'Type' | 'Action' | 'Actor'> {
  return { Type: 'volume', Action: action, Actor: { ID: name, Attributes: { driver: 'local', ...more } } };
}
