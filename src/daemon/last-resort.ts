/** So many errors that nobody caught, within so many milliseconds, and the daemon ends in order. */
const most = 50;
const within = 10_000;

/**
 * What nobody caught (a timer's, a socket's, a promise's) is written to the log, and the daemon goes on: containers,
 * builds and clients have no part in it. Where such errors do not cease, `stop` is called.
 */
export function surviveErrors(log: (line: string) => void, stop: () => void): void {
  let recent: number[] = [];
  const note = (what: string) => (error: unknown) => {
    log(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    const now = Date.now();
    recent = [...recent.filter((time) => now - time < within), now];
    if (recent.length < most) return;
    log(`${most} such errors within ${within / 1000} seconds: the daemon ends`);
    stop();
  };
  process.on('uncaughtException', note('an error that nobody caught'));
  process.on('unhandledRejection', note('a failure that nobody waited for'));
}
