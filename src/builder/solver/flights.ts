import type { Work, WorkEvent } from './vertex.ts';

interface Flight<Result> {
  readonly promise: Promise<Result>;
  readonly stop: AbortController;
  readonly told: WorkEvent[];
  readonly listeners: Set<(event: WorkEvent) => void>;
  passengers: number;
}

/** Lines kept for those who join late; more are told only to those who were there. */
const memory = 10_000;

/**
 * Work that several builds want at the same time is done once. Who joins late is told what was said so far; the work
 * is aborted when the last one interested has gone.
 */
export class Flights<Result> {
  readonly #flights = new Map<string, Flight<Result>>();

  async join(key: string, passenger: Work, start: (work: Work) => Promise<Result>): Promise<Result> {
    passenger.signal.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#depart(key, start);
    flight.passengers++;
    for (const event of flight.told) passenger.emit(event);
    flight.listeners.add(passenger.emit);
    let aboard = true;
    const leave = () => {
      if (aboard) flight.passengers--;
      aboard = false;
    };
    let quit: (() => void) | undefined;
    const left = new Promise<never>((_, reject) => {
      quit = () => {
        leave();
        if (flight.passengers > 0) reject(passenger.signal.reason);
        else this.#stop(key, flight);
      };
      passenger.signal.addEventListener('abort', quit, { once: true });
    });
    try {
      // The last one to leave waits until the work has cleaned up after itself.
      return await Promise.race([flight.promise, left]);
    } catch (error) {
      passenger.signal.throwIfAborted();
      throw error;
    } finally {
      if (quit) passenger.signal.removeEventListener('abort', quit);
      flight.listeners.delete(passenger.emit);
      leave();
      if (flight.passengers === 0) this.#forget(key, flight);
    }
  }

  #depart(key: string, start: (work: Work) => Promise<Result>): Flight<Result> {
    const stop = new AbortController();
    const told: WorkEvent[] = [];
    const listeners = new Set<(event: WorkEvent) => void>();
    const emit = (event: WorkEvent) => {
      if (told.length < memory) told.push(event);
      for (const listener of listeners) listener(event);
    };
    const promise = start({ signal: stop.signal, emit });
    promise.catch(() => undefined);
    const flight: Flight<Result> = { promise, stop, told, listeners, passengers: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  #stop(key: string, flight: Flight<Result>): void {
    this.#forget(key, flight);
    flight.stop.abort();
  }

  #forget(key: string, flight: Flight<Result>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
