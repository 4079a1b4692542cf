/** Images that no engine built: docker archives from folders, one a layer. What is loaded from them is in nobody's cache. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './engines.ts';

/** Packs each folder into a layer and all into `file`; the folders are taken away. */
export async function archiveImage(file: string, name: string, folders: readonly string[]): Promise<void> {
  const work = `${file}.d`;
  mkdirSync(work, { recursive: true });
  const diffIDs: string[] = [];
  for (const [i, folder] of folders.entries()) {
    const tar = join(work, `layer${i}.tar`);
    run('tar', ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '-cf', tar, '-C', folder, '.']);
    rmSync(folder, { recursive: true });
    diffIDs.push(await sha256(tar));
    renameSync(tar, join(work, `${diffIDs.at(-1)}.tar`));
  }
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created: '2024-01-02T03:04:05Z',
    config: { Cmd: ['true'] },
    rootfs: { type: 'layers', diff_ids: diffIDs.map((hex) => `sha256:${hex}`) },
    history: diffIDs.map(() => ({ created: '2024-01-02T03:04:05Z', created_by: 'COPY . /' })),
  });
  const id = createHash('sha256').update(config).digest('hex');
  writeFileSync(join(work, `${id}.json`), config);
  const layers = diffIDs.map((hex) => `${hex}.tar`);
  writeFileSync(
    join(work, 'manifest.json'),
    JSON.stringify([{ Config: `${id}.json`, RepoTags: [`${name}:latest`], Layers: layers }]),
  );
  run('tar', ['-cf', file, '-C', work, 'manifest.json', `${id}.json`, ...layers]);
  rmSync(work, { recursive: true });
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
