import type { TextRange, Warning } from './types.ts';

/** Findings of the parser itself, in the form of the build check that they are. */
export function parserWarnings(emptyContinuations: readonly TextRange[]): Warning[] {
  return emptyContinuations.map((location) => ({
    rule: 'NoEmptyContinuation',
    description: 'Empty continuation lines will become errors in a future release',
    url: 'https://docs.docker.com/go/dockerfile/rule/no-empty-continuation/',
    message: 'Empty continuation line',
    location,
  }));
}
