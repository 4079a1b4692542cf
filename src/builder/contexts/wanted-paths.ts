/**
 * The paths that a client is asked for, without the slash in front, each once; undefined for all that it has. What stands
 * behind `**` is for the copy to choose: clients have no such wildcard.
 */
export function wantedPaths(reads: readonly string[]): readonly string[] | undefined {
  const paths = reads.map((path) => {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    const deep = parts.findIndex((part) => part.includes('**'));
    return (deep < 0 ? parts : parts.slice(0, deep)).join('/');
  });
  return paths.includes('') ? undefined : [...new Set(paths)].sort();
}
