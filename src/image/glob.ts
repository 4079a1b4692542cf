/** Go's `path.Match`: `*` and `?` do not cross a slash, `[...]` is a class, `\` quotes. A malformed pattern matches nothing. */
export function matchGlob(pattern: string, text: string): boolean {
  let source = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    if (c === '*') source += '[^/]*';
    else if (c === '?') source += '[^/]';
    else if (c === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end < 0) return false;
      source += `[${pattern.slice(i + 1, end).replace(/[\\\]]/g, '\\$&')}]`;
      i = end;
    } else if (c === '\\') source += quoted(pattern[++i] ?? '');
    else source += quoted(c);
  }
  try {
    return new RegExp(`^${source}$`, 's').test(text);
  } catch {
    return false;
  }
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
