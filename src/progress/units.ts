const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** As BuildKit shows sizes: `84B`, `1.20MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return unit === 0 ? `${bytes}B` : `${value.toFixed(2)}${units[unit]}`;
}
