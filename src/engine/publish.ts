import type { Containers } from '../container/index.ts';
import type { Engine } from './types.ts';

/** Tells the engine's bus what happens to containers, with the attributes that Docker gives. Returns how to stop. */
export function publishContainerEvents(containers: Containers, events: Engine['events']): () => void {
  return containers.subscribe(({ action, container, attributes }) => {
    events.publish({
      Type: 'container',
      Action: action,
      Actor: {
        ID: container.id,
        Attributes: {
          ...container.config.Labels,
          image: container.config.Image ?? '',
          name: container.name,
          ...attributes,
        },
      },
    });
  });
}
