import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import type { Engine } from '../engine/index.ts';
import type { Layers } from '../layer/index.ts';
import type { RegistryClient } from '../registry/index.ts';
import type { Transfers } from '../transfer/index.ts';

/** All that the routes need. Each router asks for the part that it uses. */
export interface ApiBackend extends Engine {
  readonly transfers: Transfers;
  readonly registry: RegistryClient;
  /** Tar work of `commit`, `export` and `docker cp`. */
  readonly layers: Layers;
  /** Asked for by `POST /strata/v1/shutdown`; without it that route answers `unsupported`. */
  shutdown?(): void;
}

export interface UnixListenOptions {
  readonly socketPath: string;
  /** Permission bits of the socket, e.g. 0o660. */
  readonly mode: number;
  /** Name or id of the group that owns the socket. */
  readonly group?: string;
  /** The engine's folder, which the group may be let through. */
  readonly ownFolder?: string;
  /** Takes what keeps the group from the socket all the same. */
  readonly warn?: (line: string) => void;
}

export type ListenOptions =
  | UnixListenOptions
  | {
      /** Only with mutual TLS: whoever may speak to the engine is root on this machine. */
      readonly tcp: {
        readonly host: string;
        readonly port: number;
        readonly tls: { readonly ca: string | Buffer; readonly cert: string | Buffer; readonly key: string | Buffer };
      };
    };

export interface Api {
  /** Resolves when connections are accepted. May be called several times, for several sockets. */
  listen(options: ListenOptions): Promise<void>;
  /** Stops accepting, ends what is open after a moment of grace, removes the sockets. */
  close(): Promise<void>;
  /** A request without a socket, for tests. Hijacked connections need a real one. */
  inject(options: InjectOptions | string): Promise<LightMyRequestResponse>;
}
