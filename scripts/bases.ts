/**
 * The base images that the demo, the tests and the benchmark build on, where no registry serves them. Each is made
 * once from Debian's packages and kept as a docker archive.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busybox } from '../e2e/fixtures/busybox-root.ts';
import { hostPlatform } from '../src/oci/index.ts';
import { kept, type Say } from './kept.ts';
import { run } from './run.ts';

const epoch = 1704067200;
const created = '2024-01-01T00:00:00Z';
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Base {
  /** Docker archive, ready for `load`. */
  readonly archive: string;
  readonly names: readonly string[];
}

/**
 * What the official image of Debian tells apt and dpkg, file by file below /etc: packages leave nothing behind that a
 * layer would have to carry, and `autoremove` takes what only another package suggests.
 */
const debianSettings: Readonly<Record<string, string>> = {
  'apt/apt.conf.d/docker-clean': `DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
`,
  'apt/apt.conf.d/docker-autoremove-suggests': 'Apt::AutoRemove::SuggestsImportant "false";\n',
  'apt/apt.conf.d/docker-gzip-indexes': 'Acquire::GzipIndexes "true";\n',
  'apt/apt.conf.d/docker-no-languages': 'Acquire::Languages "none";\n',
  'dpkg/dpkg.cfg.d/docker-apt-speedup': 'force-unsafe-io\n',
};

/** Debian bookworm, minbase, as mmdebstrap makes it (about 20 s the first time). */
export function debianBase(say?: Say): Base {
  return base(
    {
      name: 'debian',
      names: ['debian:bookworm', 'debian:bookworm-slim', 'debian:latest', 'ubuntu:latest'],
      cmd: ['bash'],
      recipe: debianSettings,
      makeLayer(work) {
        const tar = join(work, 'layer.tar');
        const settings = join(work, 'etc');
        for (const [name, text] of Object.entries(debianSettings)) {
          mkdirSync(join(settings, name, '..'), { recursive: true });
          writeFileSync(join(settings, name), text);
        }
        // After the packages, since apt and dpkg would follow the settings while they make the root.
        const copies = Object.keys(debianSettings).map(
          (name) => `--customize-hook=copy-in ${join(settings, name)} /etc/${join(name, '..')}`,
        );
        run(
          'mmdebstrap',
          [
            '--variant=minbase',
            '--quiet',
            '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
            ...copies,
            '--customize-hook=rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*',
            'bookworm',
            tar,
          ],
          { env: { SOURCE_DATE_EPOCH: String(epoch) } },
        );
        // The devices of /dev are the runtime's business.
        run('tar', ['--delete', '-f', tar, '--wildcards', './dev/*'], { accept: [0, 2] });
        rmSync(settings, { recursive: true });
        return tar;
      },
    },
    say,
  );
}

const smallFolders: Readonly<Record<string, number>> = {
  bin: 0o755,
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  proc: 0o555,
  root: 0o700,
  run: 0o755,
  sbin: 0o755,
  sys: 0o555,
  tmp: 0o1777,
  usr: 0o755,
  'usr/bin': 0o755,
  var: 0o755,
  'var/tmp': 0o1777,
};

const smallFiles: Readonly<Record<string, string>> = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
  'etc/group': 'root:x:0:\nwww-data:x:33:\nnobody:x:65534:\n',
};

/** Debian's static busybox with a link for each applet (about a second). */
export function busyboxBase(say?: Say): Base {
  return base(
    {
      name: 'busybox',
      names: ['busybox:latest', 'alpine:latest'],
      cmd: ['sh'],
      recipe: [smallFolders, smallFiles],
      makeLayer(work) {
        const root = join(work, 'root');
        for (const [dir, mode] of Object.entries(smallFolders)) {
          mkdirSync(join(root, dir), { recursive: true });
          chmodSync(join(root, dir), mode);
        }
        for (const [name, text] of Object.entries(smallFiles)) writeFileSync(join(root, name), text);
        const program = join(root, 'bin/busybox');
        copyFileSync(busybox, program);
        for (const applet of run(program, ['--list']).split('\n'))
          if (applet !== '' && applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
        symlinkSync('/bin/busybox', join(root, 'usr/bin/env'));
        return tarOf(root, join(work, 'layer.tar'));
      },
    },
    say,
  );
}

interface BaseRecipe {
  readonly name: string;
  readonly names: readonly string[];
  readonly cmd: readonly string[];
  readonly recipe: unknown;
  /** Gives the path of the layer's tar, in the folder `work` or below. */
  makeLayer(work: string): string;
}

export function base(wanted: BaseRecipe, say?: Say): Base {
  const { name, names, cmd, recipe, makeLayer } = wanted;
  const folder = kept(
    {
      name: `bases/${name}`,
      what: `the base image ${names[0]} from Debian's packages`,
      recipe: [names, cmd, recipe, makeLayer.toString()],
      make(into) {
        const work = mkdtempSync(join(tmpdir(), 'strata-base-'));
        // mmdebstrap steps into it as another user.
        chmodSync(work, 0o755);
        const layer = makeLayer(work);
        const config = JSON.stringify({
          ...hostPlatform(),
          created,
          config: { Env: [path], Cmd: cmd },
          history: [{ created, created_by: `${name} base from Debian's packages` }],
          rootfs: { type: 'layers', diff_ids: [`sha256:${fileDigest(layer)}`] },
        });
        const image = join(work, 'image');
        mkdirSync(image);
        renameSync(layer, join(image, 'layer.tar'));
        writeFileSync(join(image, 'config.json'), config);
        writeFileSync(
          join(image, 'manifest.json'),
          JSON.stringify([{ Config: 'config.json', RepoTags: names, Layers: ['layer.tar'] }]),
        );
        const archive = join(into, `${name}.tar`);
        run('tar', ['-C', image, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
        rmSync(work, { recursive: true });
      },
    },
    say,
  );
  return { archive: join(folder, `${name}.tar`), names };
}

/** A tar of a folder, the same one whenever and by whomever it is made. */
export function tarOf(root: string, tar: string): string {
  const same = ['--sort=name', `--mtime=@${epoch}`, '--owner=0', '--group=0', '--numeric-owner'];
  run('tar', ['-C', root, ...same, '-cf', tar, '.']);
  return tar;
}

function fileDigest(file: string): string {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(1 << 20);
  const fd = openSync(file, 'r');
  for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) hash.update(chunk.subarray(0, read));
  closeSync(fd);
  return hash.digest('hex');
}

if (import.meta.main) {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  for (const made of [busyboxBase(say), debianBase(say)]) process.stdout.write(`${made.archive}\n`);
}
