/**
 * The base images that the demo, the tests and the benchmark build on, where no registry serves them. Each is made
 * once from Debian's packages and kept as a docker archive under /var/cache/strata/bases.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostPlatform } from '../src/oci/index.ts';

const cacheDir = '/var/cache/strata/bases';
const epoch = 1704067200;
const created = '2024-01-01T00:00:00Z';
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Base {
  /** Docker archive, ready for `load`. */
  readonly archive: string;
  readonly names: readonly string[];
}

/** Debian bookworm, minbase, as mmdebstrap makes it (about 20 s the first time). */
export async function debianBase(say: (line: string) => void = () => {}): Promise<Base> {
  return await base(
    'debian',
    ['debian:bookworm', 'debian:bookworm-slim', 'debian:latest', 'ubuntu:latest'],
    ['bash'],
    say,
    async (work) => {
      const tar = join(work, 'layer.tar');
      // What the official image has, too: package archives are removed after each install.
      const dockerClean =
        'DPkg::Post-Invoke { \\"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true\\"; };';
      await run(
        'mmdebstrap',
        [
          '--variant=minbase',
          '--quiet',
          '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
          `--customize-hook=printf '%s\\n' "${dockerClean}" > "$1/etc/apt/apt.conf.d/docker-clean"`,
          '--customize-hook=rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*',
          'bookworm',
          tar,
        ],
        { SOURCE_DATE_EPOCH: String(epoch) },
      );
      // The devices of /dev are the runtime's business.
      await run('tar', ['--delete', '-f', tar, '--wildcards', './dev/*'], {}, [0, 2]);
      return tar;
    },
  );
}

/** Debian's static busybox with a link for each applet (about a second). */
export async function busyboxBase(say: (line: string) => void = () => {}): Promise<Base> {
  return await base('busybox', ['busybox:latest', 'alpine:latest'], ['sh'], say, async (work) => {
    const root = join(work, 'root');
    for (const [dir, mode] of Object.entries({
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
    })) {
      await mkdir(join(root, dir), { recursive: true });
      await chmod(join(root, dir), mode);
    }
    const program = existsSync('/bin/busybox') ? '/bin/busybox' : '/usr/bin/busybox';
    await copyFile(program, join(root, 'bin/busybox'));
    const applets = (await output(program, ['--list'])).split('\n').filter((name) => name !== '' && name !== 'busybox');
    for (const applet of applets) await symlink('busybox', join(root, 'bin', applet));
    await symlink('/bin/busybox', join(root, 'usr/bin/env'));
    await writeFile(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
    );
    await writeFile(join(root, 'etc/group'), 'root:x:0:\nwww-data:x:33:\nnobody:x:65534:\n');
    const tar = join(work, 'layer.tar');
    await run('tar', [
      '-C',
      root,
      '--sort=name',
      `--mtime=@${epoch}`,
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '-cf',
      tar,
      '.',
    ]);
    return tar;
  });
}

async function base(
  name: string,
  names: readonly string[],
  cmd: readonly string[],
  say: (line: string) => void,
  makeLayer: (work: string) => Promise<string>,
): Promise<Base> {
  const archive = join(cacheDir, `${name}.tar`);
  if (existsSync(archive)) return { archive, names };
  await mkdir(cacheDir, { recursive: true });
  say(`making the base image ${names[0]} from Debian's packages (once; kept in ${cacheDir}) …`);
  const started = Date.now();
  const work = await mkdtemp(join(tmpdir(), 'strata-base-'));
  try {
    // mmdebstrap steps into it as another user
    await chmod(work, 0o755);
    const layer = await makeLayer(work);
    const diffID = await fileDigest(layer);
    const platform = hostPlatform();
    const config = JSON.stringify({
      ...platform,
      created,
      config: { Env: [path], Cmd: cmd },
      history: [{ created, created_by: `${name} base from Debian's packages` }],
      rootfs: { type: 'layers', diff_ids: [`sha256:${diffID}`] },
    });
    const image = join(work, 'image');
    await mkdir(image);
    await rename(layer, join(image, 'layer.tar'));
    await writeFile(join(image, 'config.json'), config);
    await writeFile(
      join(image, 'manifest.json'),
      JSON.stringify([{ Config: 'config.json', RepoTags: names, Layers: ['layer.tar'] }]),
    );
    await run('tar', ['-C', image, '-cf', `${archive}.part`, 'manifest.json', 'config.json', 'layer.tar']);
    await rename(`${archive}.part`, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  say(`made in ${((Date.now() - started) / 1000).toFixed(1)} s (${Math.round((await stat(archive)).size / 1e6)} MB)`);
  return { archive, names };
}

async function fileDigest(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  accepted: readonly number[] = [0],
): Promise<void> {
  await collect(command, args, env, accepted);
}

async function output(command: string, args: readonly string[]): Promise<string> {
  return await collect(command, args, {}, [0]);
}

async function collect(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  accepted: readonly number[],
): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err = (err + text).slice(-4000);
  });
  const code = await new Promise<number>((resolve, reject) =>
    child.on('error', reject).on('close', (status) => resolve(status ?? 1)),
  );
  if (!accepted.includes(code)) throw new Error(`${command} failed with exit code ${code}:\n${err}`);
  return out;
}

if (import.meta.main) {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  for (const made of [await busyboxBase(say), await debianBase(say)]) process.stdout.write(`${made.archive}\n`);
}
