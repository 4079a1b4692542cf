import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until something holds. Nothing of a test is decided by how long that takes: the limit is far beyond what a busy
 * machine needs, and only ends a test that would hang. `gone` says that it can no longer come true, and why.
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { gone = () => undefined, patience = 120_000 }: { gone?: () => string | undefined; patience?: number } = {},
): Promise<void> {
  const begun = performance.now();
  while (!(await holds())) {
    const reason = gone();
    if (reason !== undefined) throw new Error(`${what}: ${reason}`);
    if (performance.now() - begun > patience) throw new Error(`${what}: not after ${patience / 1000} s`);
    await sleep(25);
  }
}
