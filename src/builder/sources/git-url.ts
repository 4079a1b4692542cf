import { StrataError } from '../../errors/index.ts';

/** What of a repository is wanted. */
export interface GitUrl {
  readonly remote: string;
  /** A branch, a tag, a commit, or empty: the default branch. */
  readonly ref: string;
  readonly subdir: string;
  /** Whether submodules are fetched as well. */
  readonly submodules: boolean;
  /** The commit that it must be; without a ref, the commit that is wanted. */
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
}

/**
 * Takes `https://host/repo.git#ref:subdir` apart, or `https://host/repo.git?branch=…&subdir=…` (BuildKit 0.24), or
 * both where they agree; `git@host:path` has no query.
 *
 * @throws StrataError invalid_argument for a URL that says two things, nothing, or something unknown
 */
export function parseGitUrl(url: string): GitUrl {
  const hash = url.indexOf('#');
  const address = hash < 0 ? url : url.slice(0, hash);
  const [ref, subdir] = hash < 0 ? ['', ''] : splitOnce(url.slice(hash + 1));
  const mark = /^[a-z]+:\/\//i.test(address) ? address.indexOf('?') : -1;
  if (mark < 0) return { remote: address, ref, subdir, submodules: true };
  return readQuery(address.slice(0, mark), new URLSearchParams(address.slice(mark + 1)), { ref, subdir });
}

function readQuery(remote: string, query: URLSearchParams, fragment: { ref: string; subdir: string }): GitUrl {
  const found: { -readonly [Key in keyof GitUrl]: GitUrl[Key] } = { remote, ...fragment, submodules: true };
  const agree = (key: 'ref' | 'subdir' | 'checksum', value: string) => {
    const known = found[key];
    if (known && known !== value)
      throw refusal(`${key} conflicts: ${JSON.stringify(known)} vs ${JSON.stringify(value)}`);
    found[key] = value;
  };
  if (query.has('tag') && query.has('branch')) throw refusal('branch conflicts with tag');
  for (const name of new Set(query.keys())) {
    const [value = '', ...more] = query.getAll(name);
    if (more.length > 0) throw refusal(`query ${JSON.stringify(name)} has multiple values`);
    const read = valued.get(name);
    if (value === '' && read) throw refusal(`query ${JSON.stringify(name)} has no value`);
    if (read) agree(...read(value));
    else if (name === 'keep-git-dir') found.keepGitDir = flag(name, value);
    else if (name === 'submodules') found.submodules = flag(name, value);
    else throw refusal(`unexpected query ${JSON.stringify(name)}`);
  }
  return found;
}

/** What each word of a query that needs a value stands for. */
const valued = new Map<string, (value: string) => [key: 'ref' | 'subdir' | 'checksum', value: string]>([
  ['ref', (value) => ['ref', value]],
  ['tag', (value) => ['ref', below('refs/tags/', value)]],
  ['branch', (value) => ['ref', below('refs/heads/', value)]],
  ['subdir', (value) => ['subdir', value]],
  ['checksum', (value) => ['checksum', value]],
  ['commit', (value) => ['checksum', value]],
]);

function below(prefix: string, name: string): string {
  return name.startsWith(prefix) ? name : `${prefix}${name}`;
}

function flag(name: string, value: string): boolean {
  if (/^(?:|1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw refusal(`invalid ${name} value: ${JSON.stringify(value)}`);
}

function refusal(message: string): StrataError {
  return new StrataError('invalid_argument', message, {
    code: 'invalid_git_url',
    hint: 'a query may have ref, tag or branch, subdir, checksum, keep-git-dir and submodules',
  });
}

function splitOnce(text: string): [string, string] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
}
