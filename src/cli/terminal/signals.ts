/** Signals that are passed on to a container. Node keeps SIGUSR1 for its debugger, and nobody can catch the others. */
const passedOn = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR2',
  'SIGCONT',
  'SIGTSTP',
  'SIGALRM',
  'SIGIO',
] as const;

/** Passes this process's signals on until the returned function is called. */
export function forwardSignals(send: (signal: string) => void): () => void {
  const listeners = passedOn.map((signal) => {
    const listener = () => send(signal);
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const stop of listeners) stop();
  };
}

/** An abort on Ctrl-C or SIGTERM; a second one ends the process at once. */
export function abortOnInterrupt(): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    stop() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
