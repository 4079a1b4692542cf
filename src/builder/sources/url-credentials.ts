/** An http(s) URL taken apart: nothing stores, shows or passes on the second part. */
export interface SplitUrl {
  readonly bare: string;
  /** Value of an `Authorization` header. */
  readonly authorization?: string;
}

/** Splits `user:password@` off; other URLs stay as they are, since their user is no secret. */
export function splitCredentials(url: string): SplitUrl {
  const [, scheme, user, rest] = /^(https?:\/\/)([^/?#]*)@(.*)$/is.exec(url) ?? [];
  if (scheme === undefined || user === undefined) return { bare: url };
  const colon = user.indexOf(':');
  const [name, password] = colon < 0 ? [user, ''] : [user.slice(0, colon), user.slice(colon + 1)];
  return { bare: `${scheme}${rest}`, authorization: basic(decode(name), decode(password)) };
}

/** HTTP's basic authentication (RFC 7617). */
export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
