import type { EndpointSettings } from './types.ts';

export interface PooledSandbox {
  readonly path: string;
  readonly endpoint: EndpointSettings;
}

/**
 * Ready namespaces on the default bridge. A RUN step or a plain container takes one and gives it back: what it did in
 * it is gone with its processes, since without CAP_NET_ADMIN nobody can change a namespace's addresses or rules.
 */
export interface Pool {
  /** `last`: an address that would be had again. */
  take(last?: string): Promise<PooledSandbox>;
  giveBack(path: string, endpoint: EndpointSettings): void;
  /** Makes one ready ahead of its use. */
  prewarm(): Promise<void>;
  drain(): Promise<void>;
}

const most = 8;

export function createPool(parts: {
  readonly make: () => Promise<PooledSandbox>;
  readonly destroy: (path: string) => Promise<void>;
}): Pool {
  const idle: PooledSandbox[] = [];
  let warming: Promise<void> | undefined;
  let closed = false;
  const pending = new Set<Promise<unknown>>();
  const background = (work: Promise<unknown>) => {
    const tracked = work.catch(() => undefined).finally(() => pending.delete(tracked));
    pending.add(tracked);
  };
  return {
    async take(last) {
      if (idle.length === 0 && warming) await warming.catch(() => undefined);
      const same = idle.findIndex(({ endpoint }) => last !== undefined && endpoint.IPAddress === last);
      const [found] = same < 0 ? [idle.pop()] : idle.splice(same, 1);
      return found ?? (await parts.make());
    },
    giveBack(path, endpoint) {
      if (closed || idle.length >= most) background(parts.destroy(path));
      else idle.push({ path, endpoint });
    },
    async prewarm() {
      if (idle.length > 0 || warming) return;
      warming = parts
        .make()
        .then((made) => void idle.push(made))
        .finally(() => {
          warming = undefined;
        });
      await warming;
    },
    async drain() {
      closed = true;
      await Promise.allSettled([...pending]);
      for (const { path } of idle.splice(0)) await parts.destroy(path);
    },
  };
}
