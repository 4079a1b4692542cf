import { type Database, documentText, readDocument, sealOf } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { damagedRecord } from './damaged-record.ts';
import type { ContainerRecord } from './record.ts';
import type { ContainerState } from './types.ts';

/** The rows of the containers, and who wants to hear when one changes. */
export interface ContainerStore {
  find(id: string): ContainerRecord | undefined;
  /** By full id, name or unique prefix of an id. `not_found`, or `invalid_argument` for an ambiguous prefix. */
  get(ref: string): ContainerRecord;
  all(): ContainerRecord[];
  /** Those that have a process now: costs nothing that grows with the records. */
  alive(): readonly AliveContainer[];
  insert(record: ContainerRecord): void;
  /** The new record; nothing where it is gone. */
  change(id: string, patch: Partial<ContainerRecord>): ContainerRecord | undefined;
  changeState(id: string, patch: Partial<ContainerState>): ContainerRecord | undefined;
  delete(id: string): void;
  /** `conflict` in Docker's words when another container has the name. */
  refuseTaken(name: string): void;
  isTaken(name: string): boolean;
  /** Calls back after every change of the container, also its deletion. Returns how to stop that. */
  onChange(id: string, listener: () => void): () => void;
  /** Resolves with true when `holds`, with false after the time or an abort. */
  until(
    id: string,
    holds: () => boolean,
    limits?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<boolean>;
}

/** The process of a container, as {@link isAlive} asks for it. */
export interface AliveContainer {
  readonly id: string;
  readonly pid: number;
  readonly startTicks: string;
}

interface ContainerRow {
  readonly id: string;
  readonly name: string;
  readonly snapshot: string;
  readonly record: string;
  readonly seal: string | null;
}

/** What is asked for without the record. */
function columnsOf({ state, startTicks }: ContainerRecord): [string, number, string] {
  return [state.status, state.pid, startTicks];
}

/** One record that cannot be read is no reason not to have the others. */
function parse(row: ContainerRow): ContainerRecord {
  return read(row) ?? damagedRecord(row);
}

function read({ id, name, snapshot, record: text, seal }: ContainerRow): ContainerRecord | undefined {
  const record = readDocument<ContainerRecord>(text, seal, id, name, snapshot);
  const isWhole = record?.id === id && record.name === name && record.config && record.host && record.state;
  return isWhole ? (record as ContainerRecord) : undefined;
}

/** A row whose id is no id names no container, and no folder of one. */
function tellDamaged(db: Database, rows: readonly ContainerRow[], log: (line: string) => void): void {
  for (const row of rows) {
    if (!/^[0-9a-f]{64}$/.test(row.id)) {
      log(`the row of container ${row.name} with the impossible id ${JSON.stringify(row.id)} is dropped`);
      db.run('DELETE FROM containers WHERE id = ?', row.id);
    } else if (!read(row))
      log(`the record of container ${row.name} is damaged: remove it with rm ${row.id.slice(0, 12)}`);
  }
}

export function createContainerStore(db: Database, log: (line: string) => void = () => {}): ContainerStore {
  const listeners = new Map<string, Set<() => void>>();
  const select = 'SELECT id, name, snapshot, record, seal FROM containers';
  tellDamaged(db, db.all<ContainerRow>(select), log);
  const tell = (id: string) => {
    for (const listener of [...(listeners.get(id) ?? [])]) listener();
  };

  function byNameOrPrefix(name: string): ContainerRecord | undefined {
    const row = db.get<ContainerRow>(`${select} WHERE name = ?`, name);
    if (row) return parse(row);
    if (!/^[a-f0-9]+$/.test(name)) return undefined;
    const rows = db.all<ContainerRow>(`${select} WHERE id >= ?1 AND id < ?2 LIMIT 2`, name, `${name}g`);
    if (rows.length > 1)
      throw new StrataError('invalid_argument', `multiple IDs found with provided prefix: ${name}`, {
        code: 'ambiguous_prefix',
      });
    return rows[0] && parse(rows[0]);
  }

  const owner = (name: string) => db.get<{ id: string }>('SELECT id FROM containers WHERE name = ?', name)?.id;

  const store: ContainerStore = {
    find(id) {
      const row = db.get<ContainerRow>(`${select} WHERE id = ?`, id);
      return row && parse(row);
    },
    get(ref) {
      const name = ref.startsWith('/') ? ref.slice(1) : ref;
      const found = store.find(name) ?? byNameOrPrefix(name);
      if (found) return found;
      throw new StrataError('not_found', `No such container: ${ref}`, { code: 'container_not_found' });
    },
    all: () => db.all<ContainerRow>(`${select}`).map(parse),
    alive: () =>
      db.all<{ id: string; pid: number; startTicks: string }>(
        "SELECT id, pid, start_ticks AS startTicks FROM containers WHERE status IN ('running', 'paused')",
      ),
    insert(record) {
      db.transaction(() => {
        store.refuseTaken(record.name);
        const text = documentText('the configuration of the container', record);
        db.run(
          'INSERT INTO containers (id, name, snapshot, record, seal, status, pid, start_ticks) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          record.id,
          record.name,
          record.snapshot,
          text,
          sealOf(text, record.id, record.name, record.snapshot),
          ...columnsOf(record),
        );
      });
    },
    change(id, patch) {
      const before = store.find(id);
      if (!before) return undefined;
      const next = { ...before, ...patch };
      const text = JSON.stringify(next);
      db.run(
        'UPDATE containers SET record = ?, seal = ?, name = ?, status = ?, pid = ?, start_ticks = ? WHERE id = ?',
        text,
        sealOf(text, id, next.name, next.snapshot),
        next.name,
        ...columnsOf(next),
        id,
      );
      tell(id);
      return next;
    },
    changeState(id, patch) {
      const before = store.find(id);
      return before && store.change(id, { state: { ...before.state, ...patch } });
    },
    delete(id) {
      db.run('DELETE FROM containers WHERE id = ?', id);
      tell(id);
    },
    isTaken: (name) => owner(name) !== undefined,
    refuseTaken(name) {
      const by = owner(name);
      if (by === undefined) return;
      throw new StrataError(
        'conflict',
        `Conflict. The container name "/${name}" is already in use by container "${by}". You have to remove (or rename) that container to be able to reuse that name.`,
        { code: 'name_in_use' },
      );
    },
    onChange(id, listener) {
      const set = listeners.get(id) ?? new Set();
      listeners.set(id, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(id) === set) listeners.delete(id);
      };
    },
    async until(id, holds, { timeoutMs = Number.POSITIVE_INFINITY, signal } = {}) {
      if (holds()) return true;
      if (signal?.aborted) return false;
      return await new Promise((resolve) => {
        const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => finish(false), timeoutMs);
        const abort = () => finish(false);
        const off = store.onChange(id, () => holds() && finish(true));
        signal?.addEventListener('abort', abort, { once: true });
        function finish(result: boolean): void {
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
          off();
          resolve(result);
        }
      });
    },
  };
  return store;
}
