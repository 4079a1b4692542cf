import type { Engine, EngineEvent } from './types.ts';

const kept = 1024;

/** The engine's bus: what happened is told to listeners at once and kept for `GET /events?since=`. */
export function createEvents(): Engine['events'] {
  const listeners = new Set<(event: EngineEvent) => void>();
  const recent: EngineEvent[] = [];
  let last = 0;
  return {
    publish(event) {
      // Strictly increasing, so that `since` never hides one of two events of the same instant.
      const timeNano = Math.max(Date.now() * 1e6, last + 1000);
      last = timeNano;
      const whole: EngineEvent = { ...event, scope: 'local', time: Math.floor(timeNano / 1e9), timeNano };
      recent.push(whole);
      if (recent.length > kept) recent.shift();
      for (const listener of listeners) listener(whole);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    recent: () => recent,
  };
}
