import type { Builder } from '../builder/index.ts';
import type { Containers } from '../container/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { Images } from '../image/index.ts';
import type { AddressPool, Networks } from '../network/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import type { Volumes } from '../volume/index.ts';

/** Settings of the daemon. Read from `/etc/strata/config.json`, then flags; every field has a default. */
export interface EngineConfig {
  /** Default /var/lib/strata. */
  readonly dataRoot: string;
  /** Sockets, pid files, mounts. Default /run/strata. */
  readonly stateRoot: string;
  readonly registries: {
    readonly mirrors: readonly string[];
    /** Hosts, host:port or CIDR that may be spoken to over http or with untrusted certificates. Loopback always is. */
    readonly insecure: readonly string[];
    /** Folder of `<host>/ca.crt`, `client.cert`, `client.key`. Default /etc/docker/certs.d. */
    readonly certsDir: string;
  };
  /** Most steps that run at once. Default: number of processors. */
  readonly parallelism: number;
  /** Name of the bridge network's interface and its subnet. */
  readonly bridge: { readonly name: string; readonly subnet: string };
  /** What networks without a subnet of their own get one from, as dockerd's `default-address-pools`. */
  readonly addressPools: readonly AddressPool[];
  /** When the build cache is collected by itself. */
  readonly gc: {
    readonly enabled: boolean;
    /** Most that the cache may take. */
    readonly maxBytes: number;
    /** What was not used for so long goes. */
    readonly maxAgeSeconds: number;
    /** What the disk is to have free; 0: whatever it has. */
    readonly minFreeBytes: number;
    /** What the cache may take even when the disk is fuller than that. */
    readonly reservedBytes: number;
    /** How often it is looked at beside after builds. */
    readonly intervalSeconds: number;
  };
  readonly layout: {
    /** Whether images that are made here are packed for the OCI layout before they are pushed. */
    readonly pack: boolean;
    /** How long nothing is built before large layers are. */
    readonly idleSeconds: number;
  };
  /** What one layer, or another archive, may expand to. */
  readonly limits: { readonly layerBytes: number; readonly layerEntries: number; readonly layerRatio: number };
}

/** One thing that happened, as Docker's `GET /events` tells it. */
export interface EngineEvent {
  readonly Type: 'container' | 'image' | 'network' | 'volume' | 'builder' | 'daemon';
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: 'local';
  /** Unix seconds. */
  readonly time: number;
  readonly timeNano: number;
}

export interface Engine {
  readonly config: EngineConfig;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly images: Images;
  readonly containers: Containers;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly builder: Builder;
  readonly events: {
    publish(event: Omit<EngineEvent, 'time' | 'timeNano' | 'scope'>): void;
    subscribe(listener: (event: EngineEvent) => void): () => void /** Recent ones, oldest first, at most 1024. */;
    recent(): readonly EngineEvent[];
  };
  /** Facts for `info`: runtime picked, cgroup mode, kernel… as Docker's SystemInfo. */
  info(): Promise<Readonly<Record<string, unknown>>>;
  /** Resolves when all that was done until now survives a power cut. */
  settled(): Promise<void>;
  /** Before something is removed: on a full disk, gives up some of the space that is kept for this. */
  makeRoom(): void;
  close(): Promise<void>;
}
