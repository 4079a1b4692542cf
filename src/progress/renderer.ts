import type { BuildEvent } from './events.ts';

/** Turns the events of a build into text. */
export interface BuildRenderer {
  /** Text to write now. */
  push(event: BuildEvent): string;
  /** What is left to say when the build is over. */
  end(): string;
}
