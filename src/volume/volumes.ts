import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Database, documentText, type Migration, readDocument, sealOf } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { fdPath, openInRoot, syncFolders, treeSize } from '../sys/index.ts';
import { checkDriver, checkName, checkOptions, isName } from './checks.ts';
import type { Volume, Volumes } from './types.ts';

export const volumeMigrations: readonly Migration[] = [
  { room: 'volume', version: 1, sql: 'CREATE TABLE volumes (name TEXT PRIMARY KEY, definition TEXT NOT NULL) STRICT' },
  { room: 'volume', version: 2, sql: 'ALTER TABLE volumes ADD COLUMN seal TEXT' },
];

const execFileAsync = promisify(execFile);

interface VolumeRow {
  readonly name: string;
  readonly definition: string;
  readonly seal: string | null;
}

function read({ name, definition, seal }: VolumeRow): Volume | undefined {
  const volume = readDocument<Volume>(definition, seal, name);
  return volume?.name === name && volume.labels && volume.options && volume.createdAt ? (volume as Volume) : undefined;
}

/** Named folders that outlive their containers, each at `<root>/<name>/_data`. */
export function createVolumes(options: {
  readonly db: Database;
  readonly root: string;
  readonly log?: (line: string) => void;
  /** Hears of each volume that is made or removed, by whom ever. */
  readonly tell?: (action: 'create' | 'destroy', name: string) => void;
}): Volumes {
  const { db, root, log = () => {}, tell = () => {} } = options;
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const select = 'SELECT name, definition, seal FROM volumes';
  tellDamaged();

  const find = (name: string) => {
    const row = db.get<VolumeRow>(`${select} WHERE name = ?`, name);
    return row && volumeOf(row);
  };

  /** A row that cannot be read is a volume without labels: its data is where its name says. */
  function volumeOf(row: VolumeRow): Volume {
    const { name } = row;
    const known = read(row);
    if (known) return known;
    const mountpoint = join(root, name, '_data');
    const createdAt = new Date(0).toISOString();
    return { name, driver: 'local', mountpoint, createdAt, labels: {}, options: {}, anonymous: false };
  }

  function tellDamaged(): void {
    for (const row of db.all<VolumeRow>(select)) {
      if (!isName(row.name, root)) {
        log(`the row of a volume with the impossible name ${JSON.stringify(row.name)} is dropped`);
        db.run('DELETE FROM volumes WHERE name = ?', row.name);
        continue;
      }
      if (!read(row))
        log(`what is known of volume ${row.name} is damaged: its data is there, its labels and date are lost`);
      const data = join(root, row.name, '_data');
      if (!existsSync(data)) log(`the data of volume ${row.name} is missing: ${data} is not there`);
    }
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
      const definition = JSON.stringify(volume);
      db.run(
        'INSERT INTO volumes (name, definition, seal) VALUES (?, ?, ?)',
        name,
        definition,
        sealOf(definition, name),
      );
      tell('create', name);
      return volume;
    },
    get(name) {
      const volume = find(name);
      if (!volume) throw new StrataError('not_found', `get ${name}: no such volume`, { code: 'volume_not_found' });
      return volume;
    },
    list: () => db.all<VolumeRow>(`${select} ORDER BY name`).map(volumeOf),
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
      tell('destroy', name);
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
