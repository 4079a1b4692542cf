/** "did you mean": the nearest of some options, where one is near enough to be meant. */

/**
 * Insertions, deletions and replacements that turn `a` into `b`, or `limit` where it takes as many or more.
 */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  const row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!;
    let best = i;
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const replace = diagonal + (a[i - 1] === b[j - 1] ? 0 : 1);
      diagonal = row[j]!;
      row[j] = Math.min(diagonal + 1, row[j - 1]! + 1, replace);
      best = Math.min(best, row[j]!);
    }
    // No later row is cheaper than the cheapest of this one.
    if (best >= limit) return limit;
  }
  return Math.min(row[b.length]!, limit);
}

/** Names longer than this are never near anything; it bounds the work on hostile text. */
const maxNameLength = 100;

/** The option at most two edits away, in the case of `value` unless `caseSensitive`; undefined where it is one itself. */
export function suggestion(value: string, options: Iterable<string>, caseSensitive = true): string | undefined {
  if (value.length > maxNameLength) return undefined;
  const wanted = caseSensitive ? value : value.toLowerCase();
  let best: string | undefined;
  let nearest = 3;
  for (const raw of options) {
    const option = caseSensitive ? raw : raw.toLowerCase();
    if (option === wanted) return undefined;
    // Each character that one has more costs an edit.
    if (Math.abs(option.length - wanted.length) >= nearest) continue;
    const distance = editDistance(wanted, option, nearest);
    if (distance < nearest) {
      nearest = distance;
      best = option;
    }
  }
  return best === undefined || caseSensitive ? best : inCaseOf(best, value);
}

function inCaseOf(text: string, model: string): string {
  if (model === model.toLowerCase()) return text.toLowerCase();
  return model === model.toUpperCase() ? text.toUpperCase() : text;
}

/** The message with ` (did you mean X?)` where there is something to suggest. */
export function withSuggestion(
  message: string,
  value: string,
  options: Iterable<string>,
  caseSensitive = true,
): string {
  const found = suggestion(value, options, caseSensitive);
  return found === undefined ? message : `${message} (did you mean ${found}?)`;
}
