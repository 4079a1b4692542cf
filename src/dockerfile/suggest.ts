/** "did you mean": the nearest of some options, where one is near enough to be meant. */

/** Insertions, deletions and replacements that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, replace));
    }
    previous = row;
  }
  return previous[b.length]!;
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
    const distance = editDistance(wanted, option);
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
