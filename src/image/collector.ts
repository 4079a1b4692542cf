import type { ContentStore } from '../content/index.ts';
import type { Database } from '../db/index.ts';
import { isKind } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import type { SnapshotInfo, SnapshotName, Snapshots } from '../snapshot/index.ts';
import { unreachable } from './garbage.ts';
import type { LayerBlobs } from './layer-blobs.ts';
import type { LayoutIndex } from './layout-index.ts';
import type { Records } from './records.ts';

/**
 * Removes blobs and snapshots that nothing needs.
 *
 * What is brought in has no row for a while: a blob that a load found in the store must not go because somebody removes
 * the last image that had it. So whoever brings something in does it `during` the collector's patience: blobs are then
 * only noted as garbage, and looked at when nobody brings anything any more; snapshots that were pinned stay until then.
 */
export interface Collector {
  /** Runs `work` while no blob is removed. Nests. */
  during<Result>(work: () => Promise<Result>): Promise<Result>;
  /** The same for work that has no one function: until the returned function is called. */
  hold(): Promise<() => Promise<void>>;
  /** Keeps a snapshot until nobody is `during` anything. */
  pin(name: SnapshotName): void;
  addHolder(holder: () => Iterable<SnapshotName>): void;
  /** Says what may be garbage now; at once, or when the last one of `during` is over, it is removed if it is. */
  offer(candidates: { readonly blobs?: Iterable<Digest>; readonly snapshots?: Iterable<SnapshotName> }): Promise<void>;
  /** Removes snapshots from `top` down to the first that somebody needs; returns those that went. */
  removeStack(top: SnapshotName): Promise<readonly SnapshotInfo[]>;
  /** Removes everything that cannot be reached from an image or a holder, at once or when `during` is over. */
  collect(): Promise<void>;
}

type Node = `image ${Digest}` | `snapshot ${SnapshotName}` | `blob ${Digest}`;

export function createCollector(parts: {
  readonly db: Database;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly records: Records;
  readonly blobs: LayerBlobs;
  readonly index: Pick<LayoutIndex, 'made' | 'forget'>;
}): Collector {
  const { db, content, snapshots, records, blobs, index } = parts;
  const holders: (() => Iterable<SnapshotName>)[] = [];
  const pinned = new Set<SnapshotName>();
  const offered = { blobs: new Set<Digest>(), snapshots: new Set<SnapshotName>() };
  let everything = false;
  let bringing = 0;
  let sweeping: Promise<void> | undefined;

  function isNeeded(name: SnapshotName): boolean {
    if (pinned.has(name) || db.get('SELECT 1 FROM images WHERE snapshot = ?', name)) return true;
    return holders.some((holder) => [...holder()].includes(name));
  }

  function* references(node: Node): Generator<Node> {
    const [kind, name] = node.split(' ') as [string, string];
    if (kind === 'image') {
      const row = records.row(name as Digest);
      if (!row) return;
      yield `blob ${row.id}`;
      if (row.manifest) yield `blob ${row.manifest}`;
      const made = index.made(row.id);
      if (made) yield `blob ${made}`;
      if (row.snapshot) yield `snapshot ${row.snapshot}`;
    } else if (kind === 'snapshot') {
      const info = snapshots.stat(name as SnapshotName);
      if (info?.parent) yield `snapshot ${info.parent}`;
      // The blob of a layer lives as long as the layer: a push sends the same bytes again.
      if (info?.measure) for (const { digest } of blobs.known(info.measure.diffID)) yield `blob ${digest}`;
    }
  }

  const imageNodes = () => records.rows().map(({ id }): Node => `image ${id}`);
  const snapshotNode = (name: SnapshotName): Node => `snapshot ${name}`;

  async function removeBlobs(candidates: Iterable<Digest>): Promise<void> {
    const everySnapshot = [...snapshots.list()].map(({ name }) => snapshotNode(name));
    const all = [...candidates].map((digest): Node => `blob ${digest}`);
    const garbage = unreachable(all, [...imageNodes(), ...everySnapshot], references);
    if (garbage.length > 0) index.forget();
    for (const node of garbage) {
      const digest = node.slice('blob '.length) as Digest;
      blobs.forget(digest);
      await content.delete(digest);
    }
  }

  async function offerEverything(): Promise<void> {
    everything = false;
    const roots = [...imageNodes(), ...holders.flatMap((holder) => [...holder()]).map(snapshotNode)];
    const all = [...snapshots.list()].map(({ name }) => snapshotNode(name));
    for (const node of unreachable(all, roots, references))
      offered.snapshots.add(node.slice('snapshot '.length) as SnapshotName);
    for await (const { digest } of content.list()) offered.blobs.add(digest);
  }

  async function sweepOffered(): Promise<void> {
    while (bringing === 0 && (everything || offered.blobs.size + offered.snapshots.size > 0)) {
      if (everything) await offerEverything();
      const [tops, digests] = [[...offered.snapshots], [...offered.blobs]];
      offered.snapshots.clear();
      offered.blobs.clear();
      for (const top of tops) await collector.removeStack(top);
      await removeBlobs(digests);
    }
  }

  /** One sweep at a time; nobody begins to bring anything while it runs. */
  function sweep(): Promise<void> {
    if (bringing > 0) return Promise.resolve();
    sweeping ??= sweepOffered().finally(() => {
      sweeping = undefined;
    });
    return sweeping;
  }

  const collector: Collector = {
    async hold() {
      while (sweeping) await sweeping.catch(() => {});
      bringing++;
      return async () => {
        bringing--;
        if (bringing > 0) return;
        pinned.clear();
        // Somebody else's garbage: not a reason for this work to fail. The next start finds what stayed.
        await sweep().catch(() => {});
      };
    },
    async during(work) {
      const release = await collector.hold();
      try {
        return await work();
      } finally {
        await release();
      }
    },
    pin(name) {
      if (bringing > 0) pinned.add(name);
    },
    addHolder(holder) {
      holders.push(holder);
    },
    async offer({ blobs: digests = [], snapshots: tops = [] }) {
      for (const digest of digests) offered.blobs.add(digest);
      for (const top of tops) offered.snapshots.add(top);
      await sweep();
    },
    async removeStack(top) {
      const gone: SnapshotInfo[] = [];
      for (let at: SnapshotName | null = top; at !== null; ) {
        const info = snapshots.stat(at);
        if (!info) return gone;
        if (isNeeded(at)) {
          if (pinned.has(at)) offered.snapshots.add(at);
          return gone;
        }
        try {
          await snapshots.remove(at);
        } catch (error) {
          if (isKind(error, 'failed_precondition')) return gone;
          throw error;
        }
        gone.push(info);
        at = info.parent;
      }
      return gone;
    },
    async collect() {
      everything = true;
      await sweep();
    },
  };
  return collector;
}
