/** Values of repeated options, one string each as it was given. */

/** `a,b` and `c` are three values. */
export function commaSeparated(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(',')).filter((value) => value !== '');
}

/** `name=value`; a name alone has an empty value. */
export function keyValueMap(values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const at = value.indexOf('=');
      return at === -1 ? [value, ''] : [value.slice(0, at), value.slice(at + 1)];
    }),
  );
}
