/**
 * Mark and sweep: those of `all` that cannot be reached from `roots` along `references`. Pure, so that what counts as
 * garbage is decided in one place, whatever is being collected.
 */
export function unreachable<Node>(
  all: Iterable<Node>,
  roots: Iterable<Node>,
  references: (node: Node) => Iterable<Node>,
): Node[] {
  const live = new Set<Node>();
  const toVisit = [...roots];
  for (let node = toVisit.pop(); node !== undefined; node = toVisit.pop()) {
    if (live.has(node)) continue;
    live.add(node);
    toVisit.push(...references(node));
  }
  return [...all].filter((node) => !live.has(node));
}
