/** Networks that containers and build steps attach to. Bridges, addresses, published ports and names are netavark's and aardvark-dns's work. */

export interface PortBinding {
  /** Empty: every address of the host, IPv4 and (where it has that) IPv6. */
  readonly HostIp?: string;
  /** `''` or `'0'`: any free port. A range `8000-8010` takes the first free one. */
  readonly HostPort?: string;
}

export interface EndpointSettings {
  readonly Aliases?: readonly string[];
  readonly IPAddress?: string;
  readonly Gateway?: string;
  readonly IPPrefixLen?: number;
  readonly MacAddress?: string;
  readonly NetworkID?: string;
  readonly EndpointID?: string;
  readonly DNSNames?: readonly string[];
  /** Other containers by names of this one's own: `container:alias`. */
  readonly Links?: readonly string[];
  /** Address that the user asked for. */
  readonly IPAMConfig?: {
    readonly IPv4Address?: string;
    readonly IPv6Address?: string;
    readonly LinkLocalIPs?: readonly string[];
  };
  /** For the network's driver: `com.docker.network.endpoint.sysctls` and `.ifname`. */
  readonly DriverOpts?: Readonly<Record<string, string>>;
  /** Of several networks the one of the highest priority leads out. */
  readonly GwPriority?: number;
  /** Hardware address that the user asked for; not one of Docker's fields. */
  readonly wantedMacAddress?: string;
  /** Address of the last run, which the next one has again where it is free; not one of Docker's fields. */
  readonly lastAddress?: string;
}

export interface NetworkSubnet {
  readonly subnet: string;
  readonly gateway?: string;
  /** Part of the subnet that addresses are given out of. */
  readonly ipRange?: string;
  /** Addresses that nobody is given, by what they are for. */
  readonly auxiliary?: Readonly<Record<string, string>>;
}

export interface Network {
  /** 64 hex. */
  readonly id: string;
  readonly name: string;
  readonly driver: 'bridge' | 'host' | 'none';
  readonly created: string;
  readonly internal: boolean;
  /** Shown as it was asked for; every network can be attached to. */
  readonly attachable?: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly subnets: readonly NetworkSubnet[];
  /** Kernel name of the bridge. */
  readonly bridge?: string;
  /** No more is known of it than its name and id. */
  readonly damaged?: true;
  /** Nobody asked for this subnet: another one does as well. */
  readonly fromPool?: boolean;
  /** The subnets as they were asked for; absent where none was. */
  readonly wanted?: readonly NetworkSubnet[];
  /** Options for the choice of addresses, as they were given. */
  readonly addressOptions?: Readonly<Record<string, string>>;
  /** It holds settings for other networks, and nothing is attached to it. */
  readonly configOnly?: boolean;
  /** Name of the network whose settings it has. */
  readonly configFrom?: string;
}

export interface Sandbox {
  /** Path of the network namespace, e.g. /run/strata/netns/<id>. */
  readonly path: string;
}

/** How a container takes part in one network. */
export interface NetworkMember {
  /** Of the network. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** Of the container, which is found by it, too. */
  readonly hostname?: string;
  /** The address that the user asked for. */
  readonly ip?: string;
  /** The address that it had when it ran last. */
  readonly lastIP?: string;
  /** The hardware address that the user asked for. */
  readonly mac?: string;
  /** More addresses of the interface, of 169.254.0.0/16. */
  readonly linkLocal?: readonly string[];
  readonly driverOptions?: Readonly<Record<string, string>>;
  /** Default 0. */
  readonly priority?: number;
}

export interface CreateNetwork {
  readonly name: string;
  readonly driver?: string;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly subnets?: readonly NetworkSubnet[];
  readonly addressOptions?: Readonly<Record<string, string>>;
  readonly configOnly?: boolean;
  /** Name or id of a network with `configOnly`. */
  readonly configFrom?: string;
}

export interface Networks {
  create(options: CreateNetwork): Promise<Network>;
  get(ref: string): Network;
  list(): readonly Network[];
  remove(ref: string): Promise<void>;
  /** Removes what no container is attached to and `filter` lets pass. Resolves with what is gone. */
  prune(filter?: (network: Network) => boolean): Promise<readonly Network[]>;
  /** Makes a namespace attached to the networks, with the ports published. `conflict` names a port that is in use. */
  connect(options: {
    readonly containerID: string;
    readonly containerName: string;
    readonly networks: readonly NetworkMember[];
    readonly ports: Readonly<Record<string, readonly PortBinding[]>>;
    /** Servers that the name server of its networks asks for this container, in place of the host's. */
    readonly dns?: readonly string[];
    /** Nobody in it can change the namespace (no CAP_NET_ADMIN): it may come from the pool and go back to it. */
    readonly reusable?: boolean;
  }): Promise<{
    readonly sandbox: Sandbox;
    readonly endpoints: Readonly<Record<string, EndpointSettings>>;
    readonly ports: Readonly<Record<string, readonly Required<PortBinding>[]>>;
  }>;
  disconnect(containerID: string): Promise<void>;
  /** Attaches the namespace of a running container to one more network, with its published ports. */
  join(containerID: string, containerName: string, member: NetworkMember): Promise<EndpointSettings>;
  /** Takes the namespace of a running container off one of its networks. */
  leave(containerID: string, network: string): Promise<void>;
  /**
   * Gives a running container another name on its networks; `members` are all of them. Resolves with its names, by the
   * network's name, on those that have names.
   */
  rename(
    containerID: string,
    containerName: string,
    members: readonly NetworkMember[],
  ): Promise<Readonly<Record<string, readonly string[]>>>;
  /** Lets the name server of a network know other containers by the names that this one has for them; replaces all of before. */
  nameLinks(
    containerID: string,
    network: string,
    links: readonly { readonly name: string; readonly address: string }[],
  ): Promise<void>;
  /** A ready namespace on the default bridge for one build step, from a warm pool. */
  lease(): Promise<{ readonly sandbox: Sandbox; release(): Promise<void> }>;
  /** Makes a namespace ready before it is asked for. */
  prewarm(): Promise<void>;
  /** At start: removes the namespaces of containers that are not `known` any more. */
  recover(known: ReadonlySet<string>): Promise<void>;
  /** Nameservers that work inside the namespaces. */
  resolvers(): Promise<{
    readonly nameservers: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  }>;
  close(): Promise<void>;
}

/** A port of one container on one address of the host. */
export interface Published {
  readonly containerPort: number;
  /** `tcp`, `udp` or `sctp`. */
  readonly protocol: string;
  /** An address; `0.0.0.0` and `::` for all of a family. */
  readonly hostIp: string;
  readonly hostPort: number;
}

/** A socket on a published port of the host. */
export interface HeldPort {
  /** Frees the port and ends what goes through it. */
  close(): Promise<void>;
}

/** The container's IPv4 address now; undefined while it has none that leads out. */
export type Target = () => string | undefined;
