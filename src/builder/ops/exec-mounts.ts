import { chmodSync, chownSync, closeSync, fstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { StrataError } from '../../errors/index.ts';
import type { StepMount } from '../../runtime/index.ts';
import { fdPath, isErrno, mount, O_PATH, openInRoot, unmount } from '../../sys/index.ts';
import type { Work } from '../solver/vertex.ts';
import { rootOf, type Value } from '../value.ts';
import type { ExecMount, ExecSecrets } from './exec-spec.ts';
import { forwardSocket } from './forward-socket.ts';
import type { Workshop } from './workshop.ts';

/**
 * The mounts of one RUN, made in a folder of its own that nothing of the step can reach. Every source is opened
 * inside its root by the kernel and then mounted through the descriptor, so that whoever swaps a folder for a link
 * meanwhile mounts nothing else. `close` undoes everything, in reverse order.
 */
export class ExecMounts {
  readonly mounts: StepMount[] = [];
  readonly env: string[] = [];
  readonly #shop: Workshop;
  readonly #work: Work;
  readonly #undo: (() => Promise<void> | void)[] = [];
  #folder = '';
  #count = 0;

  constructor(shop: Workshop, work: Work) {
    this.#shop = shop;
    this.#work = work;
  }

  async open(mounts: readonly ExecMount[], inputs: readonly Value[], secrets: ExecSecrets): Promise<void> {
    if (mounts.length > 0) await this.#begin();
    for (const one of mounts) await this.#open(one, inputs, secrets);
  }

  /** A file in memory that sets these variables when a shell reads it; undefined where there are none. */
  async writeEnv(env: readonly string[]): Promise<string | undefined> {
    if (env.length === 0) return undefined;
    if (this.#folder === '') await this.#begin();
    const path = join(this.#folder, String(this.#count++));
    const text = env.map((line) => {
      const at = line.indexOf('=');
      return `export ${line.slice(0, at)}='${line.slice(at + 1).replaceAll("'", "'\\''")}'\n`;
    });
    writeFileSync(path, text.join(''), { flag: 'wx' });
    chmodSync(path, 0o444);
    return path;
  }

  async #begin(): Promise<void> {
    this.#folder = await mkdtemp(join(this.#shop.scratch, 'step-'));
    this.#undo.push(() => rmSync(this.#folder, { recursive: true, force: true }));
    // Secrets and scripts are never on a disk.
    mount('tmpfs', this.#folder, 'tmpfs', ['nosuid', 'nodev'], 'mode=0700');
    this.#undo.push(() => unmount(this.#folder, { detach: true }));
  }

  async close(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }

  async #open(one: ExecMount, inputs: readonly Value[], secrets: ExecSecrets): Promise<void> {
    switch (one.type) {
      case 'bind':
        return this.#bind(one, inputs);
      case 'cache':
        return this.#cache(one, inputs);
      case 'tmpfs': {
        const size = one.size === undefined || one.size === 0 ? {} : { size: one.size };
        this.mounts.push({ target: one.target, readonly: false, source: { kind: 'tmpfs', ...size } });
        return;
      }
      case 'secret':
        return this.#secret(one, secrets);
      case 'ssh':
        return this.#ssh(one, secrets);
      case 'script':
        return this.#script(one);
    }
  }

  async #bind(one: Extract<ExecMount, { type: 'bind' }>, inputs: readonly Value[]): Promise<void> {
    const { snapshots } = this.#shop;
    const value = rootOf(inputs[one.input]);
    let root: string;
    if (one.readonly) {
      const mounted = await snapshots.mount(value.snapshot);
      this.#undo.push(() => mounted.unmount());
      root = mounted.target;
    } else {
      // What the step writes there is thrown away with this.
      const active = await snapshots.prepare(value.snapshot);
      this.#undo.push(() => snapshots.discard(active.key));
      const mounted = await snapshots.mount(active);
      this.#undo.push(() => mounted.unmount());
      root = mounted.target;
    }
    try {
      this.#stage(root, one.source, one.target, one.readonly);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
      const message = `failed to compute cache key: failed to calculate checksum of ref ${value.id.slice(0, 25)}: "${one.source}": not found`;
      throw new StrataError('not_found', message, { code: 'source_not_found', cause: error });
    }
  }

  #stage(root: string, source: string, target: string, readonly: boolean): void {
    const fd = openInRoot(root, source, O_PATH);
    try {
      const place = this.#place(fstatSync(fd).isDirectory());
      mount(fdPath(fd), place, null, readonly ? ['bind', 'ro'] : ['bind']);
      this.#undo.push(() => unmount(place, { detach: true }));
      this.mounts.push({ target, readonly, source: { kind: 'bind', path: place } });
    } finally {
      closeSync(fd);
    }
  }

  #place(isFolder: boolean): string {
    const place = join(this.#folder, String(this.#count++));
    if (isFolder) mkdirSync(place);
    else writeFileSync(place, '', { flag: 'wx' });
    return place;
  }

  async #cache(one: Extract<ExecMount, { type: 'cache' }>, inputs: readonly Value[]): Promise<void> {
    const { cacheMounts } = this.#shop;
    const seed = one.input === undefined ? undefined : rootOf(inputs[one.input]);
    const { id, sharing, owner, mode } = one;
    const seeded = seed && { seed: `${seed.id} ${one.source}` };
    const lease = await cacheMounts.lease(
      { id, sharing, ...(owner && { owner }), ...(mode !== undefined && { mode }), ...seeded },
      this.#work.signal,
      () => this.#work.emit({ type: 'waiting', at: this.#shop.now() }),
    );
    this.#undo.push(lease.release);
    if (seed && lease.isNew) {
      try {
        await this.#seed(lease.folder, seed.snapshot, one.source);
        if (owner) chownSync(lease.folder, owner.uid, owner.gid);
        if (mode !== undefined) chmodSync(lease.folder, mode);
      } catch (error) {
        cacheMounts.drop(lease.folder);
        throw error;
      }
    } else if (lease.isNew && one.source !== '/') {
      throw new StrataError('not_found', `failed to compute cache key: "${one.source}": not found`);
    }
    this.#stage(lease.folder, '/', one.target, one.readonly);
  }

  async #seed(folder: string, snapshot: Parameters<Workshop['snapshots']['mount']>[0], path: string): Promise<void> {
    const mounted = await this.#shop.snapshots.mount(snapshot);
    try {
      const selection = { path, wildcards: false, follow: true };
      const source = { root: mounted.target, resetOwner: false };
      const target = { upper: folder, lowers: [], path: '/', contentsOnly: true };
      await this.#shop.files.run({ kind: 'copy', source, selection, look: {}, target, digest: false }, this.#work);
      const top = openInRoot(mounted.target, path, O_PATH);
      const { uid, gid, mode } = fstatSync(top);
      closeSync(top);
      chownSync(folder, uid, gid);
      chmodSync(folder, mode & 0o7777);
    } finally {
      await mounted.unmount();
    }
  }

  async #secret(one: Extract<ExecMount, { type: 'secret' }>, { secrets, secretOf }: ExecSecrets): Promise<void> {
    const told = secrets.get(one.id) ?? (await secretOf(one.id));
    const value = told && Buffer.from(told);
    if (value === undefined) {
      if (!one.required) {
        if (one.env !== undefined) this.env.push(`${one.env}=`);
        return;
      }
      throw new StrataError('not_found', `secret ${one.id}: not found`, {
        code: 'secret_not_found',
        hint: `give it with --secret id=${one.id},src=FILE or --secret id=${one.id},env=NAME`,
      });
    }
    if (one.env !== undefined) this.env.push(`${one.env}=${value.toString('utf8')}`);
    if (one.target === undefined) return;
    const path = join(this.#folder, String(this.#count++));
    writeFileSync(path, value, { flag: 'wx', mode: 0o600 });
    chownSync(path, one.owner.uid, one.owner.gid);
    chmodSync(path, one.owner.mode);
    this.mounts.push({ target: one.target, readonly: true, source: { kind: 'bind', path } });
  }

  async #ssh(one: Extract<ExecMount, { type: 'ssh' }>, { ssh }: ExecSecrets): Promise<void> {
    const socket = ssh.get(one.id);
    // A program that looks for the agent says by itself that nobody answers there.
    if (!this.env.some((line) => line.startsWith('SSH_AUTH_SOCK='))) this.env.push(`SSH_AUTH_SOCK=${one.target}`);
    if (socket === undefined) {
      if (!one.required) return;
      throw new StrataError('not_found', `unset ssh forward key ${one.id}`, {
        code: 'ssh_not_found',
        hint: `give it with --ssh ${one.id}`,
      });
    }
    const path = join(this.#folder, String(this.#count++));
    const forward = await forwardSocket(path, socket);
    this.#undo.push(() => forward.close());
    chownSync(path, one.owner.uid, one.owner.gid);
    chmodSync(path, one.owner.mode);
    this.mounts.push({ target: one.target, readonly: false, source: { kind: 'bind', path } });
  }

  #script(one: Extract<ExecMount, { type: 'script' }>): void {
    const folder = join(this.#folder, String(this.#count++));
    mkdirSync(folder, { mode: 0o755 });
    writeFileSync(join(folder, one.name), one.data, { flag: 'wx', mode: 0o755 });
    this.mounts.push({ target: one.target, readonly: true, source: { kind: 'bind', path: folder } });
  }
}
