/** Proxies, as `http_proxy`, `https_proxy` and `no_proxy` name them. */
export interface Proxies {
  readonly http?: string;
  readonly https?: string;
  readonly no?: string;
}

/** The proxies that an environment names, in capitals or not. */
export function proxiesOf(env: Readonly<Record<string, string | undefined>>): Proxies {
  const named = (name: keyof Proxies) => {
    const value = env[`${name.toUpperCase()}_PROXY`] || env[`${name}_proxy`];
    return value ? { [name]: value } : {};
  };
  return { ...named('http'), ...named('https'), ...named('no') };
}
