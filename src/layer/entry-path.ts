import { StrataError } from '../errors/index.ts';
import { type ByteString, textOf } from '../sys/index.ts';

/**
 * The path of an entry, relative and clean: leading slashes go, `.` goes, `..` takes back what stood before it.
 * Empty for the archive's top itself. A path that leaves the top is refused in Docker's words.
 */
export function entryPath(path: ByteString): ByteString {
  if (plain.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) {
      throw new StrataError('invalid_argument', `invalid entry name ${JSON.stringify(textOf(path))}`, {
        code: 'path_escapes',
      });
    }
  }
  return parts.join('/');
}

/** No empty part, and none that starts with a dot. */
const plain = /^[^./][^/]*(?:\/[^./][^/]*)*$/;

/** Where the first name of a hard link stands, by the same rules. */
export function linkPath(target: ByteString): ByteString {
  try {
    const path = entryPath(target);
    if (path !== '') return path;
  } catch {
    // Said below.
  }
  throw new StrataError('invalid_argument', `invalid hardlink target ${JSON.stringify(textOf(target))}`, {
    code: 'path_escapes',
  });
}

export function splitPath(path: ByteString): { readonly parent: ByteString; readonly name: ByteString } {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? { parent: '', name: path } : { parent: path.slice(0, slash), name: path.slice(slash + 1) };
}
