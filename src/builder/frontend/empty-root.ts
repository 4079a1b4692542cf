import { digestOf } from '../cache/keys.ts';
import type { RootValue } from '../value.ts';

/** The root of scratch. */
export const emptyRoot: RootValue = {
  kind: 'root',
  id: digestOf('scratch'),
  snapshot: null,
  fresh: false,
  createdAt: null,
};
