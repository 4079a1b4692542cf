/** What a prune removed, with a heading; nothing where it removed nothing. */
export function deletedText(what: 'Containers' | 'Networks' | 'Volumes', names: readonly string[] | null): string {
  return names && names.length > 0 ? `Deleted ${what}:\n${names.join('\n')}\n\n` : '';
}
