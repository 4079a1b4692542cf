import { StrataError } from '../errors/index.ts';

/** Work that several want at once is done once; it is given up when nobody wants it any more. */
export interface Flights<Result, Event> {
  join(
    key: string,
    passenger: { readonly signal?: AbortSignal | undefined; readonly tell?: (event: Event) => void },
    fly: (signal: AbortSignal, tell: (event: Event) => void) => Promise<Result>,
  ): Promise<Result>;
}

interface Flight<Result, Event> {
  readonly listeners: Set<(event: Event) => void>;
  readonly stop: AbortController;
  readonly result: Promise<Result>;
  passengers: number;
  last: Event | undefined;
}

export function createFlights<Result, Event>(): Flights<Result, Event> {
  const flights = new Map<string, Flight<Result, Event>>();

  function start(key: string, fly: Parameters<Flights<Result, Event>['join']>[2]): Flight<Result, Event> {
    const stop = new AbortController();
    const listeners = new Set<(event: Event) => void>();
    const tell = (event: Event) => {
      flight.last = event;
      for (const listener of listeners) listener(event);
    };
    const result = Promise.resolve()
      .then(() => fly(stop.signal, tell))
      .finally(() => {
        if (flights.get(key) === flight) flights.delete(key);
      });
    const flight: Flight<Result, Event> = { listeners, stop, result, passengers: 0, last: undefined };
    flights.set(key, flight);
    return flight;
  }

  return {
    async join(key, { signal, tell }, fly) {
      if (signal?.aborted) throw new StrataError('cancelled', 'cancelled');
      const known = flights.get(key);
      const flight = known ?? start(key, fly);
      if (known?.last !== undefined) tell?.(known.last);
      flight.passengers++;
      if (tell) flight.listeners.add(tell);
      let leave = () => {};
      const left = new Promise<never>((_, reject) => {
        leave = () => reject(new StrataError('cancelled', 'cancelled'));
        signal?.addEventListener('abort', leave, { once: true });
      });
      try {
        return await Promise.race([flight.result, left]);
      } finally {
        signal?.removeEventListener('abort', leave);
        if (tell) flight.listeners.delete(tell);
        flight.passengers--;
        if (flight.passengers === 0) {
          // From now on a newcomer starts afresh; the one that leaves last waits until nothing is being written any more.
          if (flights.get(key) === flight) flights.delete(key);
          flight.stop.abort();
          await flight.result.catch(() => {});
        }
      }
    },
  };
}
