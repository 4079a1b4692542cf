import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../db/index.ts';
import { treeSize } from '../../sys/index.ts';
import { digestOf } from './keys.ts';

export interface CacheMountSpec {
  /** The id of `--mount=type=cache`. */
  readonly id: string;
  readonly sharing: 'shared' | 'private' | 'locked';
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly mode?: number;
  /** Names what a new folder begins with; another seed is another cache. */
  readonly seed?: string;
}

export interface Lease {
  readonly folder: string;
  /** Newly made: it has to be filled from its seed. */
  readonly isNew: boolean;
  release(): void;
}

export interface CacheMountRow {
  readonly id: string;
  readonly folder: string;
  readonly description: string;
  readonly created_at: number;
  readonly used_at: number;
  readonly uses: number;
}

/** A folder as it is listed. */
export interface ListedCacheMount extends CacheMountRow {
  readonly path: string;
  /** By a step that runs. */
  readonly inUse: boolean;
}

interface Folder {
  readonly name: string;
  users: number;
}

/** The folders of `RUN --mount=type=cache`: they outlive builds and are shared by them as their users ask for. */
export class CacheMounts {
  readonly #db: Database;
  readonly #root: string;
  readonly #now: () => number;
  readonly #inUse = new Map<string, Folder>();
  /** Folders that nobody gets any more: they go with who has them. */
  readonly #outdated = new Set<string>();
  readonly #waiting = new Map<string, (() => void)[]>();
  /** What was counted, and at which number of uses. */
  readonly #sizes = new Map<string, { readonly uses: number; readonly size: number }>();

  constructor(db: Database, root: string, now: () => number) {
    this.#db = db;
    this.#root = root;
    this.#now = now;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  /**
   * `shared`: everybody gets the folder; `private`: a free one, or a new one; `locked`: waits until it is free, and calls
   * `waiting` where it has to.
   */
  async lease(spec: CacheMountSpec, signal: AbortSignal, waiting?: () => void): Promise<Lease> {
    const key = digestOf(['cache mount', spec.id, spec.owner, spec.mode, spec.seed]);
    if (spec.sharing === 'locked' && this.#isBusy(key)) waiting?.();
    if (spec.sharing === 'locked') while (this.#isBusy(key)) await this.#wait(key, signal);
    return this.#take(key, spec);
  }

  /** Lets what the mounts of these ids hold go; who has such a folder now keeps it to its end. */
  async renew(ids: ReadonlySet<string>): Promise<void> {
    const described = new Set([...ids].map(descriptionOf));
    for (const { id } of this.list().filter(({ description }) => described.has(description))) {
      if (!(await this.remove(id))) this.#outdated.add(id);
    }
  }

  #isBusy(key: string): boolean {
    return [...this.#inUse.entries()].some(
      ([id, { users }]) => users > 0 && id.startsWith(key) && !this.#outdated.has(id),
    );
  }

  async #wait(key: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', quit);
        resolve();
      };
      const quit = () => reject(signal.reason);
      signal.addEventListener('abort', quit, { once: true });
      this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), go]);
    });
  }

  #take(key: string, spec: CacheMountSpec): Lease {
    const rows = this.#db.all<CacheMountRow>('SELECT * FROM build_cache_mounts WHERE id LIKE ? ORDER BY id', `${key}%`);
    const usable = rows.filter((row) => !this.#outdated.has(row.id) && existsSync(this.#folderOf(row)));
    const free = usable.find((row) => spec.sharing === 'shared' || (this.#inUse.get(row.id)?.users ?? 0) === 0);
    const row = free ?? this.#create(`${key}-${usable.length}-${randomBytes(4).toString('hex')}`, spec);
    const use = this.#inUse.get(row.id) ?? { name: row.id, users: 0 };
    use.users++;
    this.#inUse.set(row.id, use);
    this.#db.run('UPDATE build_cache_mounts SET used_at = ?, uses = uses + 1 WHERE id = ?', this.#now(), row.id);
    let held = true;
    return {
      folder: this.#folderOf(row),
      isNew: !free,
      release: () => {
        if (!held) return;
        held = false;
        if (--use.users === 0) {
          this.#inUse.delete(row.id);
          if (this.#outdated.delete(row.id)) void this.remove(row.id).catch(() => undefined);
        }
        for (const go of this.#waiting.get(key)?.splice(0) ?? []) go();
      },
    };
  }

  /** What a damaged row names is no folder of ours. */
  #folderOf({ folder }: CacheMountRow): string {
    return join(this.#root, /^\w[\w-]*$/.test(folder) ? folder : '.damaged');
  }

  #create(id: string, spec: CacheMountSpec): CacheMountRow {
    const folder = join(this.#root, id);
    mkdirSync(folder, { mode: 0o755 });
    if (spec.owner) chownSync(folder, spec.owner.uid, spec.owner.gid);
    chmodSync(folder, spec.mode ?? 0o755);
    const now = this.#now();
    const description = descriptionOf(spec.id);
    this.#db.run(
      'INSERT INTO build_cache_mounts (id, folder, description, created_at, used_at, uses) VALUES (?, ?, ?, ?, ?, 0)',
      id,
      id,
      description,
      now,
      now,
    );
    return { id, folder: id, description, created_at: now, used_at: now, uses: 0 };
  }

  list(): readonly ListedCacheMount[] {
    return this.#db
      .all<CacheMountRow>('SELECT * FROM build_cache_mounts')
      .map((row) => ({ ...row, path: this.#folderOf(row), inUse: this.#inUse.has(row.id) }));
  }

  /**
   * Bytes of the files in a folder. They are counted again only after a step had it: the cache is listed after every
   * build, and a folder may hold a package manager's hundred thousand files.
   */
  async size({ id, path, uses, inUse }: ListedCacheMount): Promise<number> {
    const known = this.#sizes.get(id);
    if (known?.uses === uses && !inUse) return known.size;
    const size = await treeSize(path);
    this.#sizes.set(id, { uses: inUse ? -1 : uses, size });
    return size;
  }

  /** A folder whose filling failed must not be taken for a filled one. */
  drop(folder: string): void {
    const row = this.list().find((one) => one.path === folder);
    if (!row) return;
    this.#db.run('DELETE FROM build_cache_mounts WHERE id = ?', row.id);
    this.#sizes.delete(row.id);
    rmSync(folder, { recursive: true, force: true });
  }

  /** False while a step has it. */
  async remove(id: string): Promise<boolean> {
    const row = this.#db.get<CacheMountRow>('SELECT * FROM build_cache_mounts WHERE id = ?', id);
    if (!row || this.#inUse.has(id)) return false;
    this.#db.run('DELETE FROM build_cache_mounts WHERE id = ?', id);
    this.#sizes.delete(id);
    await rm(this.#folderOf(row), { recursive: true, force: true });
    return true;
  }
}

function descriptionOf(id: string): string {
  return `cached mount ${id}`;
}
