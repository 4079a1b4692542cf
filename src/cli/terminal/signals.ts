import type { Session } from '../session.ts';

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

/** Passes the signals of the command's process on until the returned function is called. */
export function forwardSignals({ onSignal }: Session, send: (signal: string) => void): () => void {
  const listeners = passedOn.map((signal) => onSignal(signal, () => send(signal)));
  return () => {
    for (const stop of listeners) stop();
  };
}

/** An abort on Ctrl-C or SIGTERM, and when the caller is gone; a second one ends the process at once. */
export function abortOnInterrupt({ exit, onSignal, resident }: Session): {
  readonly signal: AbortSignal;
  stop(): void;
} {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) exit(130);
    controller.abort();
  };
  const stops = [onSignal('SIGINT', interrupt), onSignal('SIGTERM', interrupt)];
  return {
    signal: resident ? AbortSignal.any([controller.signal, resident.gone]) : controller.signal,
    stop() {
      for (const stop of stops) stop();
    },
  };
}
