import type { ProgressMessage } from '../../wire/index.ts';
import { humanSize } from '../format/human-size.ts';

/** `[====>   ]  1.2MB/3.4MB`, the bar only where the terminal is wide enough; empty where nothing is known yet. */
export function progressText(detail: ProgressMessage['progressDetail'], columns: number): string {
  const { current = 0, total = 0, units, hidecounts } = detail ?? {};
  if (current <= 0 && total <= 0) return '';
  const size = (value: number) => (units ? `${value}` : humanSize(value));
  if (total <= 0) return units ? `${current} ${units}` : size(current).padStart(8);
  const filled = Math.min(50, Math.trunc(Math.trunc((current / total) * 100) / 2));
  const bar = columns > 110 ? `[${'='.repeat(filled)}>${' '.repeat(50 - filled)}] ` : '';
  if (hidecounts) return bar;
  const numbers = current > total ? size(current).padStart(8) : `${size(current).padStart(8)}/${size(total)}`;
  return bar + numbers + (units ? ` ${units}` : '');
}
