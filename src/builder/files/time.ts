const second = 1_000_000_000n;

/** Whole seconds and nanoseconds, also before 1970. */
export function timeOf(nanoseconds: bigint): [number, number] {
  const rest = ((nanoseconds % second) + second) % second;
  return [Number((nanoseconds - rest) / second), Number(rest)];
}
