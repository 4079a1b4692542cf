import { settle } from '../sys/index.ts';

/** Parts of a processor's time. */
const busy = 0.2;
const idle = 0.05;

/**
 * Looks every so many milliseconds whether a busy time is over, and gives back what it left: a daemon waits most of its
 * life.
 */
export function settleWhenIdle(every = 5000): void {
  let last = process.cpuUsage();
  let worked = false;
  setInterval(() => {
    const { user, system } = process.cpuUsage(last);
    last = process.cpuUsage();
    const load = (user + system) / 1000 / every;
    if (load >= busy) worked = true;
    if (!worked || load > idle) return;
    worked = false;
    settle();
  }, every).unref();
}
