import type { SnapshotName } from '../snapshot/index.ts';
import { createBlobSources } from './blob-sources.ts';
import { createLayerPuller } from './layer-puller.ts';
import { pull } from './pull.ts';
import { push } from './push.ts';
import { pushIndex } from './push-index.ts';
import { createRecentPushes } from './recent-pushes.ts';
import { createSlots } from './slots.ts';
import type { TransferParts, Transfers } from './types.ts';

/** Pull and push between registries and the store. A failed or cancelled pull leaves the store as it was. */
export function createTransfers(parts: TransferParts): Transfers {
  const sources = createBlobSources(parts.db);
  const held = new Set<Set<SnapshotName>>();
  parts.images.addHolder(() => [...held].flatMap((names) => [...names]));
  const pulling = { ...parts, sources, held, puller: createLayerPuller(parts) };
  const pushing = { ...parts, sources, slots: createSlots(parts.parallel ?? 5), recent: createRecentPushes() };
  return {
    // No row names what is being moved: nothing may be collected meanwhile.
    pull: (ref, options) => parts.images.during(() => pull(pulling, ref, options)),
    push: (ref, options) => parts.images.during(() => push(pushing, ref, options)),
    pushIndex: (ref, index, options) => parts.images.during(() => pushIndex(pushing, ref, index, options)),
  };
}
