import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StrataError } from '../../errors/index.ts';
import { isErrno } from '../../sys/index.ts';
import { digestOf } from '../cache/keys.ts';
import { folderInside } from '../ops/folder-inside.ts';
import type { Workshop } from '../ops/workshop.ts';
import type { Op, Outcome, Work } from '../solver/vertex.ts';
import type { TreeValue, Value } from '../value.ts';
import { parseGitUrl } from './git-url.ts';
import { basic, splitCredentials } from './url-credentials.ts';

export interface GitSpec {
  /** With `#ref:subdir`, a query (`?branch=…&subdir=…`), or neither. */
  readonly url: string;
  readonly keepGitDir: boolean;
  /** The commit that `ref` must be. */
  readonly checksum?: string;
}

/** Secrets of the build by their ids. */
export type GitSecrets = ReadonlyMap<string, Buffer>;

/** BuildKit's secrets for git: GIT_AUTH_TOKEN and GIT_AUTH_HEADER, also with `.host` at their end. */
function authorizationFor(remote: string, secrets: GitSecrets): string | undefined {
  const [, host] = /^https?:\/\/([^/?#]+)/i.exec(remote) ?? [];
  if (host === undefined) return undefined;
  const find = (name: string) => (secrets.get(`${name}.${host}`) ?? secrets.get(name))?.toString('utf8').trim();
  const token = find('GIT_AUTH_TOKEN');
  return find('GIT_AUTH_HEADER') ?? (token === undefined ? undefined : basic('x-access-token', token));
}

/** In the environment, where other users of this machine cannot read it, and for this host alone. */
function headersFor(remote: string, authorization: string | undefined): Record<string, string> {
  if (authorization === undefined) return {};
  const [origin] = /^https?:\/\/[^/?#]+/i.exec(remote) ?? [''];
  return {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `http.${origin}/.extraHeader`,
    GIT_CONFIG_VALUE_0: `Authorization: ${authorization}`,
  };
}

/** A checkout of a git repository, or of one folder of it. */
export function gitOp(shop: Workshop, spec: GitSpec, secrets: GitSecrets = new Map()): Op<Value> {
  return {
    waits: false,
    key: () => null,
    lookup: async () => undefined,
    run: async (_, work): Promise<Outcome<Value>> => {
      const { root, commit } = await checkout(shop, spec, work, secrets);
      const { subdir, keepGitDir: asked = false, submodules } = parseGitUrl(spec.url);
      const keepGitDir = spec.keepGitDir || asked;
      const value: TreeValue = {
        kind: 'tree',
        id: digestOf(['git', commit, subdir, keepGitDir, submodules]),
        source: { root, resetOwner: true },
        label: splitCredentials(spec.url).bare,
      };
      return { result: value, show: commit.slice(0, 12) };
    },
  };
}

/** Fetches the one commit that is wanted and checks it out to a folder below the workshop's trees. */
export async function checkout(
  shop: Pick<Workshop, 'trees' | 'gitRoot'>,
  spec: GitSpec,
  work: Work,
  secrets: GitSecrets = new Map(),
): Promise<{ readonly root: string; readonly folder: string; readonly commit: string }> {
  const url = parseGitUrl(spec.url);
  const { remote: given, ref, subdir } = url;
  const keepGitDir = spec.keepGitDir || (url.keepGitDir ?? false);
  const checksum = commitHash(spec.checksum ?? url.checksum);
  // With the credentials in its URL the checkout would carry them into a layer.
  const { bare: remote, authorization = authorizationFor(given, secrets) } = splitCredentials(given);
  refuseOption(remote);
  refuseOption(ref);
  const folder = await mkdtemp(join(shop.trees, 'git-'));
  try {
    const git = (...args: string[]) => runGit(args, folder, shop.gitRoot, work, headersFor(remote, authorization));
    const wanted = ref === '' ? (url.checksum ?? 'HEAD') : ref;
    await fetchWanted(git, folder, remote, wanted);
    const commit = (await git('rev-parse', 'FETCH_HEAD^{commit}')).trim();
    if (checksum !== undefined && !commit.startsWith(checksum)) {
      throw new StrataError('data_loss', `expected checksum to match ${checksum}, got ${commit}`, {
        code: 'checksum_mismatch',
      });
    }
    await git('checkout', '--quiet', '--force', '--detach', commit);
    if (url.submodules)
      await shallow((...depth) => git('submodule', 'update', '--init', '--recursive', ...depth, '--quiet'));
    if (!keepGitDir) rmSync(join(folder, '.git'), { recursive: true, force: true });
    return { root: subdir === '' ? folder : folderInside(folder, subdir, 'repository'), folder, commit };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

type Git = (...args: string[]) => Promise<string>;

/** Makes the repository of the kind that the server has, sha1 or sha256, and fetches into it what is wanted. */
async function fetchWanted(git: Git, folder: string, remote: string, wanted: string): Promise<void> {
  const begin = async (format: 'sha1' | 'sha256') => {
    rmSync(join(folder, '.git'), { recursive: true, force: true });
    await git('init', '--quiet', `--object-format=${format}`, '.');
    await git('remote', 'add', 'origin', remote);
  };
  const first = sha256Id.test(wanted) ? 'sha256' : 'sha1';
  await begin(first);
  try {
    await fetchRef(git, wanted, '--depth=1');
  } catch (error) {
    const dumb = complains(error, noShallow);
    if (!dumb && !complains(error, otherFormat)) throw error;
    // A server of files does not say what it has: its list of references shows it.
    const isOther = first === 'sha1' && sha256Id.test((await git('ls-remote', remote)).slice(0, 64));
    if (isOther) await begin('sha256');
    else if (!dumb) throw error;
    await fetchRef(git, wanted, ...(dumb ? [] : ['--depth=1']));
  }
}

const sha256Id = /^[0-9a-f]{64}$/;

/** A branch or tag by name, else a commit, which not every server gives alone. */
async function fetchRef(git: Git, wanted: string, ...depth: string[]): Promise<void> {
  try {
    await git('fetch', '--quiet', ...depth, '--no-tags', 'origin', wanted);
  } catch (error) {
    if (!/^[0-9a-f]{7,64}$/.test(wanted) || complains(error, noShallow) || complains(error, otherFormat)) throw error;
    await git('fetch', '--quiet', 'origin', '+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*');
    await git('update-ref', 'FETCH_HEAD', wanted);
  }
}

/** The last commit alone; all of them from a server that has files and no program (`git update-server-info`). */
async function shallow(fetch: (...depth: string[]) => Promise<unknown>): Promise<void> {
  try {
    await fetch('--depth=1');
  } catch (error) {
    if (!complains(error, noShallow)) throw error;
    await fetch();
  }
}

const noShallow = /dumb http transport does not support shallow/;
/** In the words of servers that speak, and of git after what it got from files. */
const otherFormat = /mismatched algorithms|did not send all necessary objects/;

function complains(error: unknown, words: RegExp): boolean {
  return error instanceof StrataError && error.code === 'git_failed' && words.test(error.message);
}

/** @throws StrataError invalid_argument for what cannot be (the beginning of) a commit's id */
function commitHash(checksum: string | undefined): string | undefined {
  const hex = checksum?.replace(/^sha\d+:/, '').toLowerCase();
  if (hex === undefined || /^[0-9a-f]+$/.test(hex)) return hex;
  throw new StrataError('invalid_argument', `invalid checksum ${checksum} for Git URL, expected hex commit hash`);
}

function refuseOption(text: string): void {
  if (text.startsWith('-')) throw new StrataError('invalid_argument', `invalid git reference: ${JSON.stringify(text)}`);
}

/** No configuration of this machine, no hooks, no helpers, no protocols that run programs, no questions. */
const safeSettings = [
  ['protocol.ext.allow', 'never'],
  ['protocol.file.allow', 'never'],
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.symlinks', 'true'],
  ['credential.helper', ''],
  ['safe.directory', '*'],
  ['init.defaultBranch', 'master'],
  ['advice.detachedHead', 'false'],
].flatMap(([name, value]) => ['-c', `${name}=${value}`]);

/** Most of what git says that is kept: its answer, and its complaints for an error. */
const mostWords = 64 * 1024;

async function runGit(
  args: readonly string[],
  cwd: string,
  home: string,
  work: Work,
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  work.signal.throwIfAborted();
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const child = spawn('git', [...safeSettings, ...args], {
    cwd,
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: home,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_SSH_COMMAND: 'ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new',
      LC_ALL: 'C',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: the helpers that it starts hold its streams, and end with it.
    detached: true,
  });
  const end = () => child.pid !== undefined && killGroup(child.pid);
  work.signal.addEventListener('abort', end, { once: true });
  const out: Buffer[] = [];
  let errors = '';
  let length = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    // A server's list of references may have no end.
    length += chunk.length;
    if (length <= mostWords || out.length === 0) out.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    const text = chunk.toString('utf8');
    // What a server has to say goes here as well, and has no end of its own.
    errors = (errors + text).slice(-mostWords);
    work.emit({ type: 'log', stream: 'stderr', at: Date.now(), text: withoutSecrets(text) });
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  })
    .catch((cause: unknown) => {
      throw new StrataError('unavailable', 'the git program cannot be run', { cause, hint: 'install git' });
    })
    .finally(() => work.signal.removeEventListener('abort', end));
  work.signal.throwIfAborted();
  if (code === 0) return Buffer.concat(out).toString('utf8');
  const said = withoutSecrets(errors).trim();
  throw new StrataError('unavailable', `failed to load cache key: git ${args[0]}: git stderr:\n${said}`, {
    code: 'git_failed',
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

/** `user:password@` of URLs. */
function withoutSecrets(text: string): string {
  return text.replace(/(\w+:\/\/)[^/@\s]+@/g, '$1xxxxx@');
}
