/** One way to authenticate that a server offers: RFC 9110 section 11.6.1. */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly params: Readonly<Record<string, string>>;
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;

/** Reads `WWW-Authenticate`, several challenges in one header included; what cannot be read is left out. */
export function parseChallenges(header: string | undefined): readonly Challenge[] {
  const text = (header ?? '').slice(0, 16 * 1024);
  const challenges: { scheme: string; params: Record<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  while (at < text.length) {
    take(/[\s,]*/y);
    const word = take(token);
    if (word === undefined) break;
    const current = challenges.at(-1);
    if (take(/\s*=\s*/y) !== undefined && current) {
      const value =
        take(/"(?:[^"\\]|\\.)*"/y)
          ?.slice(1, -1)
          .replace(/\\(.)/g, '$1') ?? take(token);
      if (value === undefined) break;
      current.params[word.toLowerCase()] = value;
    } else {
      challenges.push({ scheme: word.toLowerCase(), params: Object.create(null) as Record<string, string> });
    }
  }
  return challenges;
}
