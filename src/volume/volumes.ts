import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Database, documentText, type Migration } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { fdPath, openInRoot, syncFolders, treeSize } from '../sys/index.ts';
import { checkDriver, checkName, checkOptions } from './checks.ts';
import type { Volume, Volumes } from './types.ts';

export const volumeMigrations: readonly Migration[] = [
  { room: 'volume', version: 1, sql: 'CREATE TABLE volumes (name TEXT PRIMARY KEY, definition TEXT NOT NULL) STRICT' },
];

const execFileAsync = promisify(execFile);

/** Named folders that outlive their containers, each at `<root>/<name>/_data`. */
export function createVolumes(options: { readonly db: Database; readonly root: string }): Volumes {
  const { db, root } = options;
  mkdirSync(root, { recursive: true, mode: 0o711 });

  const find = (name: string) => {
    const row = db.get<{ definition: string }>('SELECT definition FROM volumes WHERE name = ?', name);
    return row && volumeOf(name, row.definition);
  };

  /** A row that cannot be read is a volume without labels: its data is where its name says. */
  function volumeOf(name: string, definition: string): Volume {
    try {
      const volume = JSON.parse(definition) as Partial<Volume> | null;
      if (volume?.name === name && volume.labels) return volume as Volume;
    } catch {
      // As below.
    }
    const mountpoint = join(root, name, '_data');
    const createdAt = new Date(0).toISOString();
    return { name, driver: 'local', mountpoint, createdAt, labels: {}, options: {}, anonymous: false };
  }

  const volumes: Volumes = {
    async create({
      name = randomBytes(32).toString('hex'),
      driver = '',
      labels = {},
      options: driverOptions = {},
      anonymous = false,
    }) {
      checkDriver(name, driver);
      const known = find(name);
      if (known) return known;
      checkName(name, root);
      checkOptions(name, driverOptions);
      const mountpoint = join(root, name, '_data');
      documentText(`volume ${name}`, { labels, options: driverOptions });
      mkdirSync(join(root, name), { recursive: true, mode: 0o701 });
      mkdirSync(mountpoint, { recursive: true, mode: 0o755 });
      const volume: Volume = {
        name,
        driver: 'local',
        mountpoint,
        createdAt: new Date().toISOString(),
        labels,
        options: driverOptions,
        anonymous,
      };
      await syncFolders(join(root, name), root);
      db.run('INSERT INTO volumes (name, definition) VALUES (?, ?)', name, JSON.stringify(volume));
      return volume;
    },
    get(name) {
      const volume = find(name);
      if (!volume) throw new StrataError('not_found', `get ${name}: no such volume`, { code: 'volume_not_found' });
      return volume;
    },
    list: () =>
      db
        .all<{ name: string; definition: string }>('SELECT name, definition FROM volumes ORDER BY name')
        .map(({ name, definition }) => volumeOf(name, definition)),
    async populate(name, imageRoot, target) {
      const { mountpoint } = volumes.get(name);
      // Somebody took the folder away: the volume is an empty one again.
      mkdirSync(mountpoint, { recursive: true, mode: 0o755 });
      if (readdirSync(mountpoint).length > 0) return;
      let fd: number;
      try {
        fd = openInRoot(imageRoot, target, constants.O_RDONLY | constants.O_DIRECTORY);
      } catch {
        return;
      }
      try {
        // -a keeps owners, modes, dates, links and extended attributes; the source is an opened folder, not a path.
        await execFileAsync('/bin/cp', [
          '-aT',
          `${fdPath(fd).replace('/proc/self/', `/proc/${process.pid}/`)}/.`,
          mountpoint,
        ]);
      } finally {
        closeSync(fd);
      }
    },
    async remove(name, { inUse, force }) {
      const volume = find(name);
      if (!volume) {
        if (force) return;
        throw new StrataError('not_found', `get ${name}: no such volume`, { code: 'volume_not_found' });
      }
      if (inUse.has(name))
        throw new StrataError('conflict', `remove ${name}: volume is in use`, {
          code: 'volume_in_use',
          hint: 'remove the containers that use it first',
        });
      db.run('DELETE FROM volumes WHERE name = ?', name);
      await rm(join(root, name), { recursive: true, force: true });
    },
    async prune({ inUse, all, labels = () => true }) {
      const deleted: string[] = [];
      let reclaimed = 0;
      for (const volume of volumes.list()) {
        if (inUse.has(volume.name) || (!all && !volume.anonymous) || !labels(volume.labels)) continue;
        reclaimed += await treeSize(volume.mountpoint);
        await volumes.remove(volume.name, { inUse, force: true });
        deleted.push(volume.name);
      }
      return { deleted, reclaimed };
    },
    size: async (name) => await treeSize(volumes.get(name).mountpoint),
  };
  return volumes;
}
