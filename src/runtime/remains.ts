import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type RuntimeFacts, runRuntime } from './runtime.ts';

/**
 * Ends whatever is left of containers (or steps) that a killed daemon was starting or ending, and that the runtime may
 * not know: its own processes and conmon, told by the id among their arguments, and what is in a cgroup of that name.
 */
export async function endRemains(ids: readonly string[], facts: RuntimeFacts): Promise<void> {
  if (ids.length === 0) return;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    if (belongs(pid, ids)) killQuietly(Number(pid));
  for (const id of ids) await runRuntime(facts, ['delete', '--force', id]).catch(() => undefined);
}

function belongs(pid: string, ids: readonly string[]): boolean {
  const [program = '', ...args] = text(`/proc/${pid}/cmdline`).split('\0');
  if (['conmon', 'crun', 'runc'].includes(basename(program)) && args.some((arg) => ids.includes(arg))) return true;
  const groups = text(`/proc/${pid}/cgroup`);
  return ids.some((id) => groups.includes(`/${id}`));
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
