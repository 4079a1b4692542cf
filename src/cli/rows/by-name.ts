const digits = /(\d+)/;

/** Names in the order that people expect: `net2` before `net10`. */
export function byName(a: { readonly Name: string }, b: { readonly Name: string }): number {
  return naturally(a.Name, b.Name);
}

/** The order of texts whose numbers count as numbers. */
export function naturally(a: string, b: string): number {
  const [left, right] = [a.split(digits), b.split(digits)];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [x, y] = [left[at]!, right[at]!];
    if (x === y) continue;
    const difference = at % 2 === 1 ? Number(x) - Number(y) : 0;
    return difference || (x < y ? -1 : 1);
  }
  return left.length - right.length;
}
