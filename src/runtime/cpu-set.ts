/** Lists of processors or memory nodes as the kernel writes them: `0-2,7` (cpuset(7) "List format"). */

const highest = 8192;

/** The numbers, or what is wrong with the list in Docker's words. */
export function parseNumberList(text: string): ReadonlySet<number> | string {
  const numbers = new Set<number>();
  if (text === '') return numbers;
  for (const part of text.split(',')) {
    const [, first, last = first] = /^\+?(\d+)(?:-\+?(\d+))?$/.exec(part) ?? [];
    if (first === undefined || Number(last) < Number(first)) return `invalid format: ${text}`;
    if (Number(last) > highest) return `value of out range, maximum is ${highest}`;
    for (let number = Number(first); number <= Number(last); number++) numbers.add(number);
  }
  return numbers;
}

/** Why `asked` cannot be had of what is `available`. */
export function cpusetProblem(asked: string, available: string, what: 'cpus' | 'mems'): string | undefined {
  const wanted = parseNumberList(asked);
  if (typeof wanted === 'string') return `Invalid value ${asked} for cpuset ${what}: ${wanted}`;
  const there = parseNumberList(available);
  if (typeof there === 'string' || there.size === 0 || wanted.isSubsetOf(there)) return undefined;
  const name = what === 'cpus' ? 'CPUs' : 'memory nodes';
  return `Requested ${name} are not available - requested ${asked}, available: ${available}`;
}
