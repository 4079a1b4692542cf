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
 * Takes `https://host/repo.git#ref:subdir` apart, or `https://host/repo.git?branch=…&subdir=…` (BuildKit 0.24);
 * `git@host:path` is kept as it is.
 *
 * @throws StrataError invalid_argument for a query that says two things or something unknown
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
  const once = (key: 'ref' | 'subdir' | 'checksum', value: string, name: string) => {
    if (found[key]) throw refusal(`${name} conflicts with what the URL says already: ${JSON.stringify(found[key])}`);
    found[key] = value;
  };
  for (const [name, value] of query) {
    switch (name) {
      case 'ref':
        once('ref', value, name);
        break;
      case 'tag':
        once('ref', `refs/tags/${value}`, name);
        break;
      case 'branch':
        once('ref', `refs/heads/${value}`, name);
        break;
      case 'subdir':
        once('subdir', value, name);
        break;
      case 'checksum':
      case 'commit':
        once('checksum', value, name);
        break;
      case 'keep-git-dir':
        found.keepGitDir = flag(name, value);
        break;
      case 'submodules':
        found.submodules = flag(name, value);
        break;
      default:
        throw refusal(`unexpected query ${JSON.stringify(name)}`);
    }
  }
  return found;
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
