/** Whether all of `wanted` (`key` or `key=value`) are among the labels. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((label) => {
    const at = label.indexOf('=');
    const key = at < 0 ? label : label.slice(0, at);
    return Object.hasOwn(labels, key) && (at < 0 || labels[key] === label.slice(at + 1));
  });
}
