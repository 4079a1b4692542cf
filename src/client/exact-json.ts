/** Reads JSON; whole numbers that a double cannot hold become bigints. */
export function parseExactJson(text: string): unknown {
  const exact = (_key: string, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source;
    const unsafe = typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined;
    return unsafe && /^-?\d+$/.test(source) ? BigInt(source) : value;
  };
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}
