import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { type LinkedNames, replaceDnsNames, replaceLinkedNames } from './dns-entries.ts';
import { type NamedAddress, namesAnswered } from './names-answered.ts';
import { pinBridgeAddress } from './pin-bridge.ts';

/** What netavark is told of one namespace: its JSON of `setup` and `teardown`. */
export interface NetavarkRequest {
  readonly container_id: string;
  readonly container_name: string;
  /** Whom aardvark-dns asks what it does not know itself; the host's resolvers where absent. */
  readonly dns_servers?: readonly string[];
  readonly port_mappings: readonly {
    readonly container_ip: string;
    readonly container_port: number;
    readonly host_ip: string;
    readonly host_port: number;
    readonly protocol: string;
    readonly range: number;
  }[];
  readonly networks: Readonly<
    Record<
      string,
      {
        readonly interface_name: string;
        readonly static_ips: readonly string[];
        readonly aliases?: readonly string[];
        readonly static_mac?: string;
      }
    >
  >;
  readonly network_info: Readonly<
    Record<string, { readonly network_interface: string | undefined; readonly [key: string]: unknown }>
  >;
  /** Of networks that others come before or after in leading out. Not netavark's, which reads what it knows. */
  readonly priorities?: Readonly<Record<string, number>>;
}

export interface NetavarkAnswer {
  readonly [network: string]: {
    readonly interfaces: Readonly<
      Record<
        string,
        {
          readonly mac_address: string;
          readonly subnets: readonly { readonly gateway: string; readonly ipnet: string }[];
        }
      >
    >;
  };
}

export interface Netavark {
  setup(path: string, request: NetavarkRequest): Promise<NetavarkAnswer>;
  teardown(path: string, request: NetavarkRequest): Promise<void>;
  /** Other names of a container, by the ids of its networks; waits until `wanted` are answered. */
  rename(
    containerID: string,
    names: Readonly<Record<string, readonly string[]>>,
    wanted: readonly NamedAddress[],
  ): Promise<void>;
  /** What a container calls others of the network of that id, in place of what it called them before. */
  link(containerID: string, network: string, entries: readonly LinkedNames[], server: string): Promise<void>;
}

const systemPath = '/usr/sbin:/usr/bin:/sbin:/bin';
const folders = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/local/libexec/podman', '/usr/local/lib/podman'];

/** What the rules of networks are made with. */
export function firewallDriver(): 'iptables' | 'nftables' {
  return systemPath.split(':').some((folder) => existsSync(`${folder}/iptables`)) ? 'iptables' : 'nftables';
}

/** Podman's network program; calls are made one after another, since it keeps its firewall rules without a lock of its own. */
export function createNetavark(configDir: string): Netavark {
  let last: Promise<unknown> = Promise.resolve();
  mkdirSync(configDir, { recursive: true, mode: 0o700 });
  const program = find('netavark');
  // Docker's own tables let nothing pass that they do not know. Rules in a table of nftables beside them cannot change
  // that, rules in the same tables can: so newer versions, which prefer nftables, are told to use iptables, too.
  const firewall = firewallDriver() === 'iptables' ? { NETAVARK_FW: 'iptables' } : {};

  function inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  }

  const call = (verb: 'setup' | 'teardown', path: string, request: NetavarkRequest) =>
    inTurn(() => execute(verb, path, request));

  function execute(verb: string, path: string, request: NetavarkRequest): Promise<string> {
    if (!program) {
      throw new StrataError('failed_precondition', 'netavark is not installed', {
        code: 'missing_program',
        hint: 'apt-get install netavark aardvark-dns, or use --network host or none',
      });
    }
    const aardvark = find('aardvark-dns');
    const args = ['--config', configDir, ...(aardvark ? ['--aardvark-binary', aardvark] : []), verb, path];
    return new Promise((resolve, reject) => {
      const child = execFile(
        program,
        args,
        { env: { PATH: systemPath, TMPDIR: configDir, ...firewall }, timeout: 60_000, maxBuffer: 1 << 20 },
        (error, stdout, stderr) => {
          if (!error) return resolve(stdout);
          reject(
            new StrataError(
              'internal',
              `netavark ${verb} failed: ${message(stdout) ?? message(stderr) ?? (stderr.trim() || error.message)}`,
              { code: 'network_setup_failed', cause: error },
            ),
          );
        },
      );
      child.stdin?.end(JSON.stringify(request));
    });
  }

  /** Where there is no name server, nobody is waited for. */
  const answered = async (wanted: readonly NamedAddress[]) => {
    if (find('aardvark-dns')) await namesAnswered(wanted);
  };

  return {
    async setup(path, request) {
      const answer = JSON.parse(await call('setup', path, request)) as NetavarkAnswer;
      const bridges = Object.values(request.network_info).map((info) => info.network_interface);
      await Promise.all(bridges.map(async (bridge) => bridge && (await pinBridgeAddress(bridge))));
      await answered(namedIn(request, answer));
      return answer;
    },
    teardown: async (path, request) => void (await call('teardown', path, request)),
    async rename(containerID, names, wanted) {
      await inTurn(() => replaceDnsNames(join(configDir, 'aardvark-dns'), containerID, names));
      await answered(wanted);
    },
    async link(containerID, network, entries, server) {
      const told = await inTurn(() =>
        replaceLinkedNames(join(configDir, 'aardvark-dns'), containerID, network, entries),
      );
      await answered(told.map(({ names: [name], address }) => ({ server, name: name!, address })));
    },
  };
}

/** One name of the container in each network that has names. */
function namedIn({ networks }: NetavarkRequest, answer: NetavarkAnswer): readonly NamedAddress[] {
  return Object.entries(networks).flatMap(([id, { aliases, static_ips }]) => {
    const [name] = aliases ?? [];
    const [address] = static_ips;
    const [face] = Object.values(answer[id]?.interfaces ?? {});
    const server = face?.subnets[0]?.gateway;
    return name && server && address ? [{ server, name, address }] : [];
  });
}

function find(name: string): string | undefined {
  return folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path));
}

/** netavark says what went wrong as `{"error": "…"}`. */
function message(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { error?: string }).error;
  } catch {
    return undefined;
  }
}
