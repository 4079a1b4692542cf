import type { SnapshotName } from '../../snapshot/index.ts';
import type { Value } from '../value.ts';

/** What running builds work with: it must not be removed under their feet. */
export class Held {
  readonly #builds = new Map<object, Map<string, SnapshotName | null>>();

  /** A build's own part; `release` when it ends. */
  open(): { readonly add: (value: Value) => void; readonly release: () => void } {
    const values = new Map<string, SnapshotName | null>();
    this.#builds.set(values, values);
    return {
      add: (value) => {
        if (value.kind === 'root') values.set(value.id, value.snapshot);
      },
      release: () => void this.#builds.delete(values),
    };
  }

  ids(): ReadonlySet<string> {
    return new Set([...this.#builds.values()].flatMap((values) => [...values.keys()]));
  }

  snapshots(): SnapshotName[] {
    return [...this.#builds.values()].flatMap((values) => [...values.values()].filter((name) => name !== null));
  }
}
