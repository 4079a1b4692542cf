import { randomBytes } from 'node:crypto';
import type { Database } from '../../db/index.ts';
import type { SnapshotName, Snapshots } from '../../snapshot/index.ts';
import type { CacheRecord } from '../types.ts';
import type { AbsentRoot, RootValue } from '../value.ts';
import { stepKey } from './keys.ts';

export interface StepRow {
  readonly slot: string;
  /** Digest of the operation alone. */
  readonly definition: string;
  /** Result ids of the inputs that are roots. */
  readonly base: string;
  /** Digest of the files that it takes; empty where it takes none. */
  readonly content: string;
  readonly key: string;
  readonly instruction: string;
  readonly manifest: string | null;
  readonly result: string;
}

export interface NewRecord {
  readonly snapshot: SnapshotName | null;
  readonly type: CacheRecord['type'];
  readonly description: string;
  readonly parents: readonly string[];
  /** The step ran because the cache was not wanted: nothing that was made of an earlier result follows from it. */
  readonly renewed: boolean;
  /** Further keys under which the result is found. */
  readonly aliases: readonly string[];
  readonly step: Omit<StepRow, 'result'>;
}

type PresentRow = Pick<ResultRow, 'id' | 'snapshot' | 'created_at'>;

export interface ResultRow {
  readonly id: string;
  readonly snapshot: SnapshotName | null;
  readonly type: CacheRecord['type'];
  readonly description: string;
  readonly parents: string;
  readonly created_at: number;
  readonly used_at: number;
  readonly uses: number;
}

/** Rows of steps, and of keys of absent results, that are remembered; the oldest are forgotten. */
const memory = 20_000;

/** What is told of a result that another machine made: its own words are for those who may read its Dockerfile. */
const adopted = 'from a cache that was brought in';

/**
 * The build cache: keys of steps and the results that they led to. Only what ran here, or came with a cache that a build
 * named, is ever recorded: an image that was pulled can give a build nothing that it did not ask for.
 */
export class Records {
  readonly #db: Database;
  readonly #snapshots: Snapshots;
  readonly #now: () => number;
  /** Uses not written yet: a hit must not cost a write. */
  readonly #used = new Map<string, { uses: number; snapshot: SnapshotName | null }>();

  constructor(db: Database, snapshots: Snapshots, now: () => number) {
    this.#db = db;
    this.#snapshots = snapshots;
    this.#now = now;
  }

  /** The result under a key, unless its snapshot is gone. Touches no layer. */
  find(key: string): RootValue | undefined {
    const sql = `SELECT r.id, r.snapshot, r.created_at FROM build_keys k
      JOIN build_results r ON r.id = k.result WHERE k.key = ?`;
    return this.#present(this.#db.get<PresentRow>(sql, key));
  }

  /** As `find`; where no layer is here, what a cache that was brought in calls the result. */
  findName(key: string): RootValue | AbsentRoot | undefined {
    const found = this.find(key);
    if (found) return found;
    const id = this.#absent(key);
    return id === undefined ? undefined : (this.withID(id) ?? { kind: 'absent', id });
  }

  /** The result of that name, unless its snapshot is gone. */
  withID(id: string): RootValue | undefined {
    const sql = 'SELECT id, snapshot, created_at FROM build_results WHERE id = ?';
    return this.#present(this.#db.get<PresentRow>(sql, id));
  }

  /** Whether the result under a key is known by name alone. */
  isAbsent(key: string): boolean {
    return this.findName(key)?.kind === 'absent';
  }

  #absent(key: string): string | undefined {
    return this.#db.get<{ result: string }>('SELECT result FROM build_absent WHERE key = ?', key)?.result;
  }

  #present(row: PresentRow | undefined): RootValue | undefined {
    if (!row) return undefined;
    if (row.snapshot !== null && !(this.#snapshots.stat(row.snapshot) && this.#snapshots.isWhole(row.snapshot)))
      return undefined;
    this.#used.set(row.id, { uses: (this.#used.get(row.id)?.uses ?? 0) + 1, snapshot: row.snapshot });
    return { kind: 'root', id: row.id, snapshot: row.snapshot, fresh: false, createdAt: row.created_at };
  }

  /** A result of this cache with these very contents. */
  withSnapshot(snapshot: SnapshotName): RootValue | undefined {
    const sql = 'SELECT id, snapshot, created_at FROM build_results WHERE snapshot = ? ORDER BY created_at LIMIT 1';
    const row = this.#db.get<PresentRow>(sql, snapshot);
    return row && { kind: 'root', id: row.id, snapshot: row.snapshot, fresh: false, createdAt: row.created_at };
  }

  /** Gives a known result one more key. */
  alias(key: string, result: string): void {
    this.#db.run('INSERT OR REPLACE INTO build_keys (key, result) VALUES (?, ?)', key, result);
  }

  /**
   * Records what a step made; `adopt`: an earlier result with the same contents, which then stands for this one too.
   * What was absent keeps its name, so that it still leads to what followed.
   */
  store(record: NewRecord, adopt?: RootValue): RootValue {
    const { renewed, aliases, step } = record;
    const known = adopt?.id ?? (renewed ? undefined : this.#absentOnly(step.key));
    const id = known ?? randomBytes(32).toString('hex');
    const now = this.#now();
    this.#db.transaction(() => {
      if (renewed)
        for (const key of [step.key, ...aliases]) this.#db.run('DELETE FROM build_absent WHERE key = ?', key);
      if (!adopt) {
        this.#db.run(
          `INSERT INTO build_results (id, snapshot, type, description, parents, created_at, used_at, uses)
           VALUES (?, ?, ?, ?, ?, ?, ?, 0)`,
          id,
          record.snapshot,
          record.type,
          record.description,
          JSON.stringify(record.parents),
          now,
          now,
        );
      }
      for (const key of [record.step.key, ...record.aliases]) this.alias(key, id);
      this.#remember({ ...record.step, result: id });
    });
    return adopt
      ? { ...adopt, fresh: true }
      : { kind: 'root', id, snapshot: record.snapshot, fresh: true, createdAt: now };
  }

  #absentOnly(key: string): string | undefined {
    const id = this.#absent(key);
    return id !== undefined && !this.#db.get('SELECT 1 AS yes FROM build_results WHERE id = ?', id) ? id : undefined;
  }

  #remember(step: StepRow): void {
    this.#db.run('DELETE FROM build_steps WHERE key = ?', step.key);
    const { changes } = this.#db.run(
      `INSERT INTO build_steps (slot, definition, base, content, key, instruction, manifest, result)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      step.slot,
      step.definition,
      step.base,
      step.content,
      step.key,
      step.instruction,
      step.manifest,
      step.result,
    );
    if (changes > 0)
      this.#db.run('DELETE FROM build_steps WHERE number <= (SELECT max(number) FROM build_steps) - ?', memory);
  }

  /** Whether a step with this operation on this base was ever recorded. */
  knows(definition: string, base: string): boolean {
    const sql = 'SELECT 1 AS yes FROM build_steps WHERE definition = ? AND base = ? LIMIT 1';
    return this.#db.get(sql, definition, base) !== undefined;
  }

  knowsDefinition(definition: string): boolean {
    return this.#db.get('SELECT 1 AS yes FROM build_steps WHERE definition = ? LIMIT 1', definition) !== undefined;
  }

  stepByKey(key: string): StepRow | undefined {
    return this.#db.get<StepRow>('SELECT * FROM build_steps WHERE key = ? ORDER BY number DESC LIMIT 1', key);
  }

  /** The latest step of an operation, on `base` where that is given. */
  stepByDefinition(definition: string, base?: string): StepRow | undefined {
    if (base === undefined) {
      const sql = 'SELECT * FROM build_steps WHERE definition = ? ORDER BY number DESC LIMIT 1';
      return this.#db.get<StepRow>(sql, definition);
    }
    const sql = 'SELECT * FROM build_steps WHERE definition = ? AND base = ? ORDER BY number DESC LIMIT 1';
    return this.#db.get<StepRow>(sql, definition, base);
  }

  stepBySlot(slot: string): StepRow | undefined {
    return this.#db.get<StepRow>('SELECT * FROM build_steps WHERE slot = ? ORDER BY number DESC LIMIT 1', slot);
  }

  /** The results that are this very root, as they travel with it. */
  portable(snapshot: SnapshotName, layers: number): PortableResult[] {
    const rows = this.#db.all<ResultRow>('SELECT * FROM build_results WHERE snapshot = ?', snapshot);
    return rows.flatMap(({ id, type, created_at }) => {
      if (type !== 'regular' && type !== 'source.local') return [];
      const found = this.#db.all<{ key: string }>('SELECT key FROM build_keys WHERE result = ? ORDER BY key', id);
      const keys = found.map(({ key }) => key);
      return [{ layers, id, type, created: created_at, keys, ...this.#briefStep(id) }];
    });
  }

  /** The latest step that led to a result, in digests. */
  #briefStep(result: string): Pick<PortableResult, 'step'> {
    const sql = 'SELECT definition, base, content FROM build_steps WHERE result = ? ORDER BY number DESC LIMIT 1';
    const step = this.#db.get<NonNullable<PortableResult['step']>>(sql, result);
    return step ? { step: { ...step } } : {};
  }

  /** Takes over a result that came with a layer which is here as `snapshot`. */
  adopt(result: PortableResult, snapshot: SnapshotName): void {
    const { id, type, created, keys } = result;
    this.#db.transaction(() => {
      const known = this.#db.get<ResultRow>('SELECT * FROM build_results WHERE id = ?', id);
      if (known && known.snapshot !== null && !this.#snapshots.stat(known.snapshot)) {
        this.#db.run('UPDATE build_results SET snapshot = ? WHERE id = ?', snapshot, id);
      } else if (!known) {
        this.#db.run(
          `INSERT INTO build_results (id, snapshot, type, description, parents, created_at, used_at, uses)
           VALUES (?, ?, ?, ?, '[]', ?, ?, 0)`,
          id,
          snapshot,
          type,
          adopted,
          Math.min(created, this.#now()),
          this.#now(),
        );
      }
      for (const key of keys) this.alias(key, id);
      this.#adoptStep(result);
    });
  }

  /** The names of results and what leads to them: all that travels of a result whose layers do not. */
  portableNames(ids: readonly string[]): PortableResult[] {
    const sql = `SELECT key FROM build_keys WHERE result = ?1
      UNION SELECT key FROM build_absent WHERE result = ?1 ORDER BY key`;
    return ids.flatMap((id) => {
      const keys = this.#db.all<{ key: string }>(sql, id).map(({ key }) => key);
      if (keys.length === 0) return [];
      return [{ layers: 0, id, type: 'regular', created: 0, keys, ...this.#briefStep(id) }];
    });
  }

  /** Takes over the names of results whose layers did not come with them. */
  adoptNames(results: readonly PortableResult[]): void {
    this.#db.transaction(() => {
      for (const result of results) {
        for (const key of result.keys)
          this.#db.run('INSERT OR REPLACE INTO build_absent (key, result) VALUES (?, ?)', key, result.id);
        this.#adoptStep(result);
      }
      this.#db.run('DELETE FROM build_absent WHERE number <= (SELECT max(number) FROM build_absent) - ?', memory);
    });
  }

  #adoptStep({ id, step }: PortableResult): void {
    if (!step) return;
    const key = stepKey(step.definition, step.base, step.content);
    // What is remembered of steps that ran here says more.
    if (this.stepByKey(key)) return;
    this.#remember({ ...step, slot: '', key, instruction: adopted, manifest: null, result: id });
  }

  /** Lets go of all that was adopted by name. */
  forgetNames(): void {
    this.#db.run('DELETE FROM build_absent');
  }

  /** When the layer was made that `snapshot` ends with, if a step made it: not when it came to this machine. */
  madeAt(snapshot: SnapshotName): number | undefined {
    const sql = 'SELECT created_at FROM build_results WHERE snapshot = ? ORDER BY created_at LIMIT 1';
    return this.#db.get<{ created_at: number }>(sql, snapshot)?.created_at;
  }

  /** Writes down the uses since the last call. */
  flush(): void {
    if (this.#used.size === 0) return;
    const now = this.#now();
    this.#db.transaction(() => {
      for (const [id, { uses, snapshot }] of this.#used) {
        this.#db.run('UPDATE build_results SET used_at = ?, uses = uses + ? WHERE id = ?', now, uses, id);
        if (snapshot !== null) this.#snapshots.touch(snapshot);
      }
    });
    this.#used.clear();
  }

  results(): readonly ResultRow[] {
    this.flush();
    return this.#db.all<ResultRow>('SELECT * FROM build_results ORDER BY created_at');
  }

  /** Every snapshot that a record names: these must not go with the images that share them. */
  snapshots(): SnapshotName[] {
    const sql = 'SELECT DISTINCT snapshot FROM build_results WHERE snapshot IS NOT NULL';
    return this.#db.all<{ snapshot: SnapshotName }>(sql).map(({ snapshot }) => snapshot);
  }

  /** Lets go of a result. Its snapshot is noted until it is removed as well. */
  forget(id: string): void {
    this.#db.transaction(() => {
      this.#db.run(
        `INSERT OR IGNORE INTO build_orphans (snapshot)
         SELECT snapshot FROM build_results WHERE id = ? AND snapshot IS NOT NULL`,
        id,
      );
      this.#db.run('DELETE FROM build_results WHERE id = ?', id);
    });
  }

  /** Snapshots of results that were let go. */
  orphans(): SnapshotName[] {
    const sql =
      'SELECT snapshot FROM build_orphans WHERE snapshot NOT IN (SELECT snapshot FROM build_results WHERE snapshot IS NOT NULL)';
    return this.#db.all<{ snapshot: SnapshotName }>(sql).map(({ snapshot }) => snapshot);
  }

  forgetOrphan(snapshot: SnapshotName): void {
    this.#db.run('DELETE FROM build_orphans WHERE snapshot = ?', snapshot);
  }
}

/** A result as it travels with the layers of an image. */
export interface PortableResult {
  /** How many layers of the image its root has; 0: the image has them not, the result is known by name alone. */
  readonly layers: number;
  readonly id: string;
  readonly type: 'regular' | 'source.local';
  readonly created: number;
  readonly keys: readonly string[];
  readonly step?: { readonly definition: string; readonly base: string; readonly content: string };
}
