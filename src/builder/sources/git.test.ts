import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type GitHost, startFileHost, startGitHost } from '../testing/git-host.ts';
import { checkout } from './git.ts';

const top = mkdtempSync(join(tmpdir(), 'strata-git-'));
const shop = { trees: join(top, 'trees'), gitRoot: join(top, 'home') };
const work = { emit: () => undefined, signal: AbortSignal.timeout(300_000) };
const formats = ['sha1', 'sha256'] as const;
const commits: Record<string, string> = {};
const hosts: Record<string, GitHost> = {};

function git(cwd: string, ...args: string[]): string {
  const settings = ['user.name=t', 'user.email=t@t', 'protocol.file.allow=always'].flatMap((one) => ['-c', one]);
  const { status, stdout, stderr } = spawnSync('git', [...settings, ...args], { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `git ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** Two commits with tags, served as a folder that `git clone --bare` and `git update-server-info` made. */
function makeRepository(format: string): void {
  const folder = join(top, format);
  git(top, 'init', '-q', `--object-format=${format}`, '-b', 'main', folder);
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'sub/f'), 'first');
  git(folder, 'add', '.');
  git(folder, 'commit', '-qm', 'one');
  git(folder, 'tag', 'v1');
  git(folder, 'tag', '-a', '-m', 'told', 'v2');
  commits[format] = git(folder, 'rev-parse', 'HEAD');
  writeFileSync(join(folder, 'sub/f'), 'second');
  git(folder, 'commit', '-qam', 'two');
  git(top, 'clone', '-q', '--bare', folder, `repos/${format}.git`);
  git(join(top, 'repos', `${format}.git`), 'update-server-info');
}

before(async () => {
  for (const name of ['trees', 'repos']) mkdirSync(join(top, name));
  for (const format of formats) makeRepository(format);
  hosts['smart'] = await startGitHost(join(top, 'repos'));
  hosts['dumb'] = await startFileHost(join(top, 'repos'));
});
after(() => {
  for (const host of Object.values(hosts)) host.close();
  rmSync(top, { recursive: true, force: true });
});

for (const server of ['smart', 'dumb'])
  for (const format of formats)
    test(`a ${format} repository of a ${server} server gives whatever commit is wanted`, async () => {
      const commit = commits[format]!;
      const cases = [
        ['', 'second'],
        ['?tag=v1#refs/tags/v1', 'first'],
        [`?tag=v2&checksum=${commit}`, 'first'],
        [`#${commit}`, 'first'],
        [`?commit=${commit.slice(0, 12)}`, 'first'],
      ] as const;
      for (const [wanted, expected] of cases) {
        const url = `${hosts[server]!.origin}/${format}.git${wanted}`;
        const found = await checkout(shop, { url, keepGitDir: false }, work);
        assert.equal(readFileSync(join(found.root, 'sub/f'), 'utf8'), expected, url);
        if (expected === 'first') assert.equal(found.commit, commit, url);
        assert.ok(!existsSync(join(found.folder, '.git')), url);
      }
      const repo = `${hosts[server]!.origin}/${format}.git`;
      const kept = await checkout(shop, { url: `${repo}?ref=v1&keep-git-dir=1&subdir=sub`, keepGitDir: false }, work);
      assert.equal(git(kept.folder, 'rev-parse', 'HEAD'), commit);
      assert.equal(readFileSync(join(kept.root, 'f'), 'utf8'), 'first');
      const bad = (what: string) => checkout(shop, { url: `${repo}${what}`, keepGitDir: false }, work);
      await assert.rejects(bad('?branch=main&checksum=0123456'), { code: 'checksum_mismatch' });
      await assert.rejects(bad('#nowhere'), { code: 'git_failed', message: /couldn't find remote ref nowhere/ });
    });

test('submodules come from a server of files as well, unless the URL says no', async () => {
  const repo = join(top, 'outer');
  git(top, 'init', '-q', '-b', 'main', repo);
  git(repo, 'submodule', '--quiet', 'add', join(top, 'repos/sha1.git'), 'inner');
  // This process is the server: it cannot wait for a git that asks it.
  git(repo, 'config', '-f', '.gitmodules', 'submodule.inner.url', `${hosts['dumb']!.origin}/sha1.git`);
  git(repo, 'add', '.gitmodules');
  git(repo, 'commit', '-qm', 'outer');
  git(top, 'clone', '-q', '--bare', repo, 'repos/outer.git');
  git(join(top, 'repos/outer.git'), 'update-server-info');
  for (const host of Object.values(hosts)) {
    const url = `${host.origin}/outer.git`;
    const { root } = await checkout(shop, { url, keepGitDir: false }, work);
    assert.equal(readFileSync(join(root, 'inner/sub/f'), 'utf8'), 'second');
    const without = await checkout(shop, { url: `${url}?submodules=0`, keepGitDir: false }, work);
    assert.ok(!existsSync(join(without.root, 'inner/sub')));
  }
});

test('a fetch whose server says nothing ends when the build does', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const stop = new AbortController();
  silent.on('connection', (socket) => {
    socket.on('error', () => undefined).resume();
    stop.abort();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/a.git`;
  await assert.rejects(checkout(shop, { url, keepGitDir: false }, { ...work, signal: stop.signal }), {
    name: 'AbortError',
  });
  silent.close();
  await once(silent, 'close');
});
