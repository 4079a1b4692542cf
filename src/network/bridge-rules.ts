import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { StrataError } from '../errors/index.ts';
import { type BridgeOptions, bridgeOptions } from './bridge-options.ts';
import { hostEnvironment } from './free-subnet.ts';
import type { Network } from './types.ts';

const execFileAsync = promisify(execFile);

/** A port of a container that a routed network lets in. */
export interface OpenPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/**
 * The firewall rules of a network that netavark has none for. They are in chains of the network's own, one in each table,
 * so that nobody else's are touched. What is refused is refused in `mangle`, whose chains come before those of `filter`: there it
 * does not matter who put rules first. What is let in is let in in `filter`, where Docker's policy is to drop.
 */
export interface BridgeRules {
  /** Makes them, unless they are there since this daemon began; `open`: all open ports of a routed network. */
  ensure(network: Network, open: readonly OpenPort[]): Promise<void>;
  forget(network: Network): Promise<void>;
}

type Table = 'mangle' | 'filter' | 'nat';

interface TableRules {
  readonly table: Table;
  /** Where packets come from, as arguments of iptables; `first` before all other rules. */
  readonly jumps: readonly { readonly from: string; readonly match: readonly string[]; readonly first?: boolean }[];
  /** In the form of iptables-restore, without `-A chain`. */
  readonly rules: readonly string[];
}

export function createBridgeRules(): BridgeRules {
  const made = new Map<string, readonly TableRules[]>();
  return {
    async ensure(network, open) {
      if (network.bridge === undefined) return;
      const options = bridgeOptions(network.options);
      const tables = rulesOf(network, options, open);
      const before = made.get(network.id);
      if (JSON.stringify(before) !== JSON.stringify(tables)) {
        // Of another subnet.
        for (const one of before ?? []) if (!hasSameJumps(one, tables)) await uninstall(network, one);
        try {
          for (const one of tables) await install(network, one);
        } catch (cause) {
          // A host without iptables: netavark has rules of another kind there, and what needs none goes on.
          if (needsRules(options)) throw missingRules(network, cause);
        }
        made.set(network.id, tables);
      }
      if (!options.icc) keepMembersApart(network.bridge);
      if (options.mode === 'isolated') withoutIPv6(network.bridge);
    },
    async forget(network) {
      made.delete(network.id);
      if (network.bridge === undefined || !(await isThere(chainOf(network)))) return;
      for (const one of rulesOf(network, tolerant(network), [])) await uninstall(network, one);
    },
  };
}

function hasSameJumps(one: TableRules, others: readonly TableRules[]): boolean {
  return others.some(({ table, jumps }) => table === one.table && JSON.stringify(jumps) === JSON.stringify(one.jumps));
}

/** At most 28 characters. */
const chainOf = ({ id }: Network) => `STRATA-${id.slice(0, 12)}`;

function rulesOf(network: Network, options: BridgeOptions, open: readonly OpenPort[]): readonly TableRules[] {
  const { internal, subnets } = network;
  const bridge = network.bridge!;
  const { subnet, gateway } = subnets[0]!;
  const established = '-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN';
  const published = '-m conntrack --ctstate DNAT -j RETURN';
  const out: TableRules[] = [
    {
      table: 'mangle',
      jumps: [
        { from: 'FORWARD', match: ['-o', bridge] },
        ...(internal ? [{ from: 'FORWARD', match: ['-i', bridge] }] : []),
        ...(isolated(options)
          ? [
              { from: 'INPUT', match: ['-i', bridge] },
              { from: 'OUTPUT', match: ['-o', bridge] },
            ]
          : []),
      ],
      rules: [
        ...(options.icc ? [] : [`-i ${bridge} -o ${bridge} -m conntrack ! --ctstate DNAT -j DROP`]),
        `-i ${bridge} -o ${bridge} -j RETURN`,
        ...(isolated(options) ? nameServerAlone(bridge, gateway) : []),
        // From an internal network nothing leads out, and nothing in.
        ...(internal ? [] : [established, ...letIn(options, open, published)]),
        '-j DROP',
      ],
    },
    {
      table: 'filter',
      jumps: [{ from: 'FORWARD', match: ['-o', bridge] }],
      // From elsewhere comes only what `mangle` let through.
      rules: internal ? [`-i ${bridge} -j ACCEPT`] : [`! -i ${bridge} -j ACCEPT`],
    },
  ];
  const { masquerade, mode, hostAddress } = options;
  const isPlain = masquerade && mode !== 'routed' && hostAddress === undefined;
  if (!internal && !isPlain)
    out.push({
      table: 'nat',
      jumps: [{ from: 'POSTROUTING', match: ['-s', subnet, '!', '-o', bridge], first: true }],
      rules: [masquerade && mode !== 'routed' ? `-j SNAT --to-source ${hostAddress}` : '-j ACCEPT'],
    });
  return out;
}

/** What may come in from outside; the rest is dropped. */
function letIn({ mode, trusted }: BridgeOptions, open: readonly OpenPort[], published: string): readonly string[] {
  const fromTrusted = trusted.map((name) => `-i ${name} -j RETURN`);
  switch (mode) {
    case 'nat-unprotected':
      return ['-j RETURN'];
    case 'routed':
      return [
        '-p icmp -j RETURN',
        ...open.map(({ ip, protocol, port }) => `-d ${ip}/32 -p ${protocol} --dport ${port} -j RETURN`),
      ];
    case 'nat':
    case 'isolated':
      return [published, ...fromTrusted];
  }
}

const isolated = ({ mode }: BridgeOptions) => mode === 'isolated';

/** The host and the containers of an isolated network do not see each other; the name server is on the bridge. */
function nameServerAlone(bridge: string, gateway = ''): readonly string[] {
  const ask = ['udp', 'tcp'].flatMap((protocol) => [
    `-i ${bridge} -d ${gateway}/32 -p ${protocol} --dport 53 -j RETURN`,
    `-o ${bridge} -s ${gateway}/32 -p ${protocol} --sport 53 -j RETURN`,
  ]);
  return ask;
}

/** What a user asked for and cannot have without rules. */
function needsRules({ icc, masquerade, mode, hostAddress, trusted }: BridgeOptions): boolean {
  return (
    !icc || !masquerade || hostAddress !== undefined || mode === 'routed' || mode === 'isolated' || trusted.length > 0
  );
}

function missingRules({ name }: Network, cause: unknown): StrataError {
  return new StrataError('failed_precondition', `cannot set the firewall rules of network ${name}: ${said(cause)}`, {
    code: 'network_setup_failed',
    hint: 'apt-get install iptables, or leave the options of the network out',
    cause,
  });
}

function said(cause: unknown): string {
  const { code, stderr, message } = cause as { code?: unknown; stderr?: string; message?: string };
  return code === 'ENOENT' ? 'iptables is not installed' : stderr?.trim() || message || String(cause);
}

/** For the way down: whatever was asked for, the chains have the same names. */
function tolerant(network: Network): BridgeOptions {
  try {
    return bridgeOptions(network.options);
  } catch {
    return bridgeOptions({});
  }
}

async function install(network: Network, { table, jumps, rules }: TableRules): Promise<void> {
  const chain = chainOf(network);
  const text = [`*${table}`, `:${chain} - [0:0]`, ...rules.map((rule) => `-A ${chain} ${rule}`), 'COMMIT', ''].join(
    '\n',
  );
  // All rules of the chain at once: there is no moment without them.
  const restored = execFileAsync('iptables-restore', ['--noflush', '-w', '10'], { env: hostEnvironment });
  restored.child.stdin?.on('error', () => undefined);
  restored.child.stdin?.end(text);
  await restored;
  for (const { from, match, first } of jumps) {
    const rule = [from, ...match, '-j', chain];
    if (!(await succeeds(iptables(table, ['-C', ...rule])))) await iptables(table, [first ? '-I' : '-A', ...rule]);
  }
}

async function uninstall(network: Network, { table, jumps }: TableRules): Promise<void> {
  const chain = chainOf(network);
  for (const { from, match } of jumps)
    await iptables(table, ['-D', from, ...match, '-j', chain]).catch(() => undefined);
  await iptables(table, ['-F', chain]).catch(() => undefined);
  await iptables(table, ['-X', chain]).catch(() => undefined);
}

/** A chain of a network is in every table if it is in this one. */
async function isThere(chain: string): Promise<boolean> {
  return await succeeds(iptables('mangle', ['-n', '-L', chain]));
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return await work.then(
    () => true,
    () => false,
  );
}

async function iptables(table: Table, args: readonly string[]): Promise<void> {
  await execFileAsync('iptables', ['-w', '10', '-t', table, ...args], { env: hostEnvironment });
}

/**
 * What goes from container to container passes the rules where the kernel filters bridged packets. Elsewhere their ports of the bridge
 * are isolated: such ports speak with the bridge alone. Not both: a published port of another container is reached by packets
 * that the kernel, where it filters, bridges straight to it.
 */
function keepMembersApart(bridge: string): void {
  const folder = `/sys/class/net/${bridge}/brif`;
  if (!existsSync(folder)) return;
  const isolated = filtersBridged() ? '0' : '1';
  for (const member of readdirSync(folder)) writeFileSync(`${folder}/${member}/isolated`, isolated);
}

function filtersBridged(): boolean {
  const setting = '/proc/sys/net/bridge/bridge-nf-call-iptables';
  return existsSync(setting) && readFileSync(setting, 'utf8').trim() === '1';
}

/** The link-local addresses of IPv6 would lead around the rules. */
function withoutIPv6(bridge: string): void {
  const setting = `/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`;
  if (existsSync(setting)) writeFileSync(setting, '1');
}
