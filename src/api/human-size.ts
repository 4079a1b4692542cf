const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Decimal size with four significant digits, e.g. `44.54kB` (go-units `HumanSize`). */
export function humanSize(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step++;
  }
  return `${Number(value.toPrecision(4))}${units[step]}`;
}

/** Docker's bar for one layer: `[=====>      ]  44.54kB/1.987MB`. */
export function progressBar(current: number, total: number | undefined): string {
  const now = humanSize(current).padStart(8);
  if (total === undefined || total <= 0) return current > 0 ? now : '';
  const percent = Math.min(50, Math.floor((current / total) * 50));
  const bar = `[${'='.repeat(percent)}>${' '.repeat(Math.max(0, 50 - percent))}]`;
  return current > total ? `${bar} ${now}` : `${bar} ${now}/${humanSize(total)}`;
}
