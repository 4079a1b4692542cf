import { readFileSync } from 'node:fs';

/** Start time of a process in clock ticks: with its pid it names one process. '' when there is none; a zombie is none. */
export function startTicks(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch {
    return '';
  }
}
