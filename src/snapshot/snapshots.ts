import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import type { LayerMeasure, Layers } from '../layer/index.ts';
import { type ChainID, chainID, type DiffID, sha256 } from '../oci/index.ts';
import { createLayerFolders } from './layer-folders.ts';
import { mountHandle, mountTree, unmountAllBelow } from './mounts.ts';
import type { ActiveKey, SnapshotInfo, SnapshotName, Snapshots } from './types.ts';
import { createWriteBack } from './write-back.ts';

export interface SnapshotOptions {
  /** Folder of the layer directories. */
  readonly root: string;
  /** Folder of the mounts that have no target of their own. */
  readonly mountRoot: string;
  readonly db: Database;
  readonly layers: Layers;
}

interface SnapshotRow {
  readonly name: SnapshotName;
  readonly parent: SnapshotName | null;
  readonly layer: string;
  readonly chain_id: ChainID | null;
  readonly created_at: number;
  readonly used_at: number;
  readonly diff_id: DiffID | null;
  readonly tar_size: number;
  readonly content_size: number;
  readonly entries: number;
}

/** More than any image has (overlayfs takes 500). */
const mostLayers = 10_000;

const select =
  'SELECT s.name, s.parent, s.layer, s.chain_id, s.created_at, s.used_at, l.diff_id, l.tar_size, l.content_size, l.entries FROM snapshots s JOIN layers l ON l.id = s.layer';

export function createSnapshots(options: SnapshotOptions): Snapshots {
  const { db, layers, mountRoot } = options;
  const folders = createLayerFolders(options.root);
  const writeBack = createWriteBack(options.root);
  mkdirSync(mountRoot, { recursive: true, mode: 0o700 });
  /** Layers whose rows are there and whose directories are not: somebody took them. */
  const lost = new Set<string>();
  /** Measurements under way, by layer. */
  const measuring = new Map<string, Promise<LayerMeasure>>();
  let mounts = 0;

  const toInfo = (row: SnapshotRow): SnapshotInfo => ({
    name: row.name,
    parent: row.parent,
    diffDir: folders.diff(row.layer),
    chainID: row.chain_id,
    measure:
      row.diff_id === null
        ? null
        : { diffID: row.diff_id, tarSize: row.tar_size, contentSize: row.content_size, entries: row.entries },
    createdAt: row.created_at,
    usedAt: row.used_at,
  });

  const rowOf = (name: SnapshotName) => db.get<SnapshotRow>(`${select} WHERE s.name = ?`, name);

  function required(name: SnapshotName): SnapshotRow {
    const row = rowOf(name);
    if (!row) throw new StrataError('not_found', `snapshot ${name} does not exist`, { code: 'snapshot_not_found' });
    return row;
  }

  function insert(layer: string, parent: SnapshotName | null, measure: LayerMeasure | undefined): SnapshotInfo {
    const name = randomBytes(16).toString('hex') as SnapshotName;
    const now = Date.now();
    db.run(
      'INSERT INTO snapshots (name, parent, layer, chain_id, created_at, used_at) VALUES (?, ?, ?, NULL, ?, ?)',
      name,
      parent,
      layer,
      now,
      now,
    );
    if (measure) recordMeasure(layer, measure);
    const chain = chainOf(name);
    if (chain) db.run('UPDATE snapshots SET chain_id = ? WHERE name = ?', chain, name);
    return toInfo(required(name));
  }

  function recordMeasure(layer: string, measure: LayerMeasure): void {
    db.run(
      'UPDATE layers SET diff_id = ?, tar_size = ?, content_size = ?, entries = ? WHERE id = ?',
      measure.diffID,
      measure.tarSize,
      measure.contentSize,
      measure.entries,
      layer,
    );
  }

  /** The chain of a snapshot whose parent's chain and own layer are known, else undefined. */
  function chainOf(name: SnapshotName): ChainID | undefined {
    const row = required(name);
    if (row.diff_id === null) return undefined;
    if (row.parent === null) return chainID([row.diff_id]);
    const below = required(row.parent).chain_id;
    return below === null ? undefined : (sha256(`${below} ${row.diff_id}`) as unknown as ChainID);
  }

  function measureLayer(layer: string): Promise<LayerMeasure> {
    const known = measuring.get(layer);
    if (known) return known;
    const work = layers
      .measure(folders.diff(layer))
      .then((measure) => {
        recordMeasure(layer, measure);
        return measure;
      })
      .finally(() => measuring.delete(layer));
    measuring.set(layer, work);
    return work;
  }

  function stackRows(name: SnapshotName): SnapshotRow[] {
    const out: SnapshotRow[] = [];
    for (let at: SnapshotName | null = name; at !== null; ) {
      const row: SnapshotRow = required(at);
      if (out.length > mostLayers)
        throw new StrataError('data_loss', `snapshot ${name} is damaged: it has no end`, { code: 'snapshot_damaged' });
      out.push(row);
      at = row.parent;
    }
    return out;
  }

  /** Deletes the row of a layer that no snapshot has; tells whether it did. */
  function forgetLayer(layer: string): boolean {
    if (db.get('SELECT 1 FROM snapshots WHERE layer = ?', layer)) return false;
    db.run('DELETE FROM layers WHERE id = ?', layer);
    return true;
  }

  const snapshots: Snapshots = {
    async prepare(parent) {
      if (parent !== null) required(parent);
      const key = folders.create() as ActiveKey;
      db.run('INSERT INTO active_snapshots (key, parent, created_at) VALUES (?, ?, ?)', key, parent, Date.now());
      return { key, parent, diffDir: folders.diff(key) };
    },
    async active(key) {
      const row = db.get<{ parent: SnapshotName | null }>('SELECT parent FROM active_snapshots WHERE key = ?', key);
      return row && { key, parent: row.parent, diffDir: folders.diff(key) };
    },
    actives: () => db.all<{ key: ActiveKey }>('SELECT key FROM active_snapshots').map(({ key }) => key),
    async commit(active, { measure } = {}) {
      if (active.parent !== null) required(active.parent);
      const info = db.transaction(() => {
        const { changes } = db.run('DELETE FROM active_snapshots WHERE key = ?', active.key);
        if (changes === 0)
          throw new StrataError('not_found', `active snapshot ${active.key} does not exist`, {
            code: 'snapshot_not_found',
          });
        db.run('INSERT INTO layers (id) VALUES (?)', active.key);
        return insert(active.key, active.parent, measure);
      });
      folders.seal(active.key);
      writeBack.soon();
      return info;
    },
    async discard(key) {
      const forget = () => db.run('DELETE FROM active_snapshots WHERE key = ?', key);
      try {
        if (forget().changes > 0) folders.remove(key);
      } catch {
        // On a full disk even forgetting takes room, which the files give back first. A row without them does no harm.
        folders.remove(key);
        await folders.settle();
        forget();
      }
    },
    async graft(layer, parent) {
      if (parent !== null) required(parent);
      return db.transaction(() => insert(required(layer).layer, parent, undefined));
    },
    stat(name) {
      const row = rowOf(name);
      return row && toInfo(row);
    },
    isWhole(name) {
      if (lost.size === 0) return rowOf(name) !== undefined;
      try {
        return stackRows(name).every(({ layer }) => !lost.has(layer));
      } catch {
        return false;
      }
    },
    findByChain(chain) {
      const rows = db.all<SnapshotRow>(`${select} WHERE s.chain_id = ? ORDER BY s.created_at`, chain);
      const row = rows.find(({ name }) => snapshots.isWhole(name));
      return row && toInfo(row);
    },
    stack: (name) => stackRows(name).reverse().map(toInfo),
    remaining(name) {
      try {
        return snapshots.stack(name);
      } catch {
        const row = rowOf(name);
        return row ? [toInfo(row)] : [];
      }
    },
    async measure(name) {
      const row = required(name);
      const [measure] = await Promise.all([
        row.diff_id === null ? measureLayer(row.layer) : toInfo(row).measure!,
        row.parent === null ? undefined : snapshots.measure(row.parent),
      ]);
      const chain = row.chain_id ?? chainOf(name)!;
      if (row.chain_id === null) db.run('UPDATE snapshots SET chain_id = ? WHERE name = ?', chain, name);
      return { ...toInfo(required(name)), measure: measure!, chainID: chain };
    },
    async mount(what, { target, volatile = target === undefined } = {}) {
      const at = target ?? join(mountRoot, String(++mounts));
      const active = typeof what === 'object' ? what : null;
      const top = active ? active.parent : (what as SnapshotName | null);
      // A layer may lie in a stack twice (COPY --link), which overlayfs refuses: the upper one covers all of the lower.
      const rows = top === null ? [] : stackRows(top);
      const lowers = [...new Set(rows.map((row) => row.layer))].map(folders.diff);
      const missing = lowers.find((folder) => lost.size > 0 && !existsSync(folder));
      if (missing !== undefined) {
        throw new StrataError('data_loss', `the layer ${missing} is missing from the store`, {
          code: 'layer_missing',
          hint: 'pull or build the image again',
        });
      }
      mkdirSync(at, { recursive: true });
      try {
        mountTree({
          target: at,
          lowers,
          ...(active && { upper: folders.diff(active.key), work: folders.cleanWork(active.key) }),
          volatile,
        });
      } catch (cause) {
        if (target === undefined) rmdirSync(at);
        if (active && !existsSync(folders.diff(active.key)))
          throw new StrataError('data_loss', `the files that were written are missing: ${folders.diff(active.key)}`, {
            code: 'layer_missing',
            hint: 'remove what had them, and make it again',
            cause,
          });
        throw new StrataError(
          'internal',
          `cannot mount a snapshot of ${lowers.length} layers: ${(cause as Error).message}`,
          { code: 'mount_failed', cause },
        );
      }
      return mountHandle(at, target === undefined);
    },
    touch(name) {
      db.run('UPDATE snapshots SET used_at = ? WHERE name = ?', Date.now(), name);
    },
    async remove(name) {
      const freed = db.transaction(() => {
        const row = rowOf(name);
        if (!row) return undefined;
        if (
          db.get(
            'SELECT 1 FROM snapshots WHERE parent = ?1 UNION SELECT 1 FROM active_snapshots WHERE parent = ?1',
            name,
          )
        ) {
          throw new StrataError('failed_precondition', `snapshot ${name} has others on it`, {
            code: 'snapshot_in_use',
          });
        }
        db.run('DELETE FROM snapshots WHERE name = ?', name);
        return forgetLayer(row.layer) ? row.layer : undefined;
      });
      // After the row: a crash in between leaves a folder that no row names, which is swept.
      if (freed !== undefined) folders.remove(freed);
    },
    list: () => db.all<SnapshotRow>(select).map(toInfo),
    async sweep() {
      unmountAllBelow(mountRoot);
      const known = new Set([
        ...db.all<{ id: string }>('SELECT id FROM layers').map(({ id }) => id),
        ...db.all<{ key: string }>('SELECT key FROM active_snapshots').map(({ key }) => key),
      ]);
      const here = folders.ids();
      for (const id of here) if (!known.has(id)) folders.remove(id);
      for (const id of here) known.delete(id);
      for (const id of known) lost.add(id);
      for (const layer of withoutGround(db)) lost.add(layer);
    },
    settled: () => writeBack.settled(),
    async close() {
      writeBack.stop();
      await folders.settle();
    },
  };
  return snapshots;
}

/** Layers of the snapshots that nothing is below, although something should be. */
function withoutGround(db: Database): string[] {
  return db
    .all<{ layer: string }>(
      `WITH RECURSIVE standing (name) AS (
         SELECT name FROM snapshots WHERE parent IS NULL
         UNION SELECT s.name FROM standing JOIN snapshots s ON s.parent = standing.name
       ) SELECT layer FROM snapshots WHERE name NOT IN (SELECT name FROM standing)`,
    )
    .map(({ layer }) => layer);
}
