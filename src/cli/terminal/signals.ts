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

/** So many Ctrl-C or SIGTERM are no message to the container any more. */
const patience = 3;

/**
 * Passes the signals of the command's process on until the returned function is called. A user who asks three times to
 * end gets the terminal back, whatever the container does.
 */
export function forwardSignals({ onSignal, stderr, exit }: Session, send: (signal: string) => void): () => void {
  let asked = 0;
  const pass = (signal: string) => {
    send(signal);
    if (signal !== 'SIGINT' && signal !== 'SIGTERM') return;
    asked++;
    if (asked < patience) return;
    stderr.write(`\ngot ${patience} SIGTERM/SIGINTs, forcefully exiting\n`);
    exit(1);
  };
  const listeners = passedOn.map((signal) => onSignal(signal, () => pass(signal)));
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
