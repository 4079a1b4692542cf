/** Checks of what a HostConfig asks for, in Docker's words and order. */
import { StrataError } from '../../errors/index.ts';
import { checkCapabilities, type LimitFacts, resourceProblem } from '../../runtime/index.ts';
import type { HostConfig } from '../types.ts';
import { extraHostProblem } from './extra-hosts.ts';
import { checkTmpfsTargets, mountProblem } from './mount-checks.ts';
import { securityOf } from './security-options.ts';

/** Throws `invalid_argument` for the first thing that cannot be. */
export function checkHostConfig(host: HostConfig, facts: LimitFacts): void {
  refuse(unsupportedProblem(host) ?? realTimeProblem(host));
  checkCapabilities(host);
  if (host.AutoRemove && (host.RestartPolicy?.Name || 'no') !== 'no')
    refuse("can't create 'AutoRemove' container with restart policy");
  for (const mount of host.Mounts ?? []) refuse(mountProblem(mount));
  for (const entry of host.ExtraHosts ?? []) refuse(extraHostProblem(entry));
  refuse(portProblem(host.PortBindings ?? {}));
  refuse(restartProblem(host.RestartPolicy) ?? annotationProblem(host) ?? resourceProblem(host, facts, false));
  refuse(modeProblem(host));
  checkTmpfsTargets(host);
  refuse(cgroupModeProblem(host));
  securityOf(host);
}

/** As {@link checkHostConfig}, of what `update` may change. */
export function checkUpdate(changes: Partial<HostConfig>, facts: LimitFacts): void {
  refuse(restartProblem(changes.RestartPolicy) ?? resourceProblem(changes, facts, true));
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new StrataError('invalid_argument', problem, { code: 'invalid_host_config' });
}

function unsupportedProblem({ IOMaximumBandwidth: bandwidth, IOMaximumIOps: operations }: HostConfig) {
  if (bandwidth) return 'invalid option: QoS maximum bandwidth configuration is not supported on linux';
  if (operations) return 'invalid option: QoS maximum IOPs configuration is not supported on linux';
  return undefined;
}

function realTimeProblem({ CpuRealtimePeriod: period = 0, CpuRealtimeRuntime: runtime = 0 }: HostConfig) {
  return period !== 0 && runtime > period
    ? 'cpu real-time runtime cannot be higher than cpu real-time period'
    : undefined;
}

function portProblem(bindings: NonNullable<HostConfig['PortBindings']>): string | undefined {
  for (const [key, hosts] of Object.entries(bindings)) {
    const port = key.split('/', 1)[0]!;
    if (!isPort(port)) return `invalid port specification: ${JSON.stringify(port)}`;
    const wrong = (hosts ?? []).map(({ HostPort = '' }) => HostPort).find((text) => !isPortRange(text));
    if (wrong !== undefined) return `invalid port specification: ${JSON.stringify(wrong)}`;
  }
  return undefined;
}

const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) < 2 ** 16;

function isPortRange(text: string): boolean {
  const [first = '', last = first, ...more] = text.split('/', 1)[0]!.split('-');
  return text === '' || (more.length === 0 && isPort(first) && isPort(last) && Number(first) <= Number(last));
}

const restartPolicies = ['no', 'always', 'on-failure', 'unless-stopped'];

function restartProblem(policy: HostConfig['RestartPolicy']): string | undefined {
  const { Name: given = '', MaximumRetryCount: count = 0 } = policy ?? {};
  const name = given || 'no';
  if (!restartPolicies.includes(name))
    return `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`;
  const negative = count < 0 ? 'cannot be negative' : undefined;
  if (name === 'on-failure') return negative && `invalid restart policy: maximum retry count ${negative}`;
  const alone = "invalid restart policy: maximum retry count can only be used with 'on-failure'";
  return count === 0 ? undefined : negative ? `${alone} and ${negative}` : alone;
}

function annotationProblem({ Annotations: annotations = {} }: HostConfig): string | undefined {
  return Object.hasOwn(annotations, '')
    ? 'invalid Annotations: the empty string is not permitted as an annotation key'
    : undefined;
}

function modeProblem(host: HostConfig): string | undefined {
  const { IpcMode: ipc = '', PidMode: pid = '', UTSMode: uts = '', ShmSize: shm = 0, OomScoreAdj: oom = 0 } = host;
  if (!['', 'none', 'private', 'host', 'shareable'].includes(ipc) && !ipc.startsWith('container:'))
    return `invalid IPC mode: ${ipc}`;
  if (!['', 'host'].includes(pid) && !/^container:./.test(pid)) return `invalid PID mode: ${pid}`;
  if (shm < 0) return 'SHM size can not be less than 0';
  if (!['', 'host'].includes(uts)) return `invalid UTS mode: ${uts}`;
  if (oom < -1000 || oom > 1000) return `Invalid value ${oom}, range for oom score adj is [-1000, 1000]`;
  return undefined;
}

/** Throws `invalid_argument` for options of the root file system: there are none without quotas of the disk. */
export function checkStorage({ StorageOpt: options = {} }: HostConfig): void {
  const unknown = Object.keys(options).find((name) => name !== 'size');
  if (unknown !== undefined) refuse(`Unknown option ${unknown}`);
  if (options['size'] !== undefined)
    refuse("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
}

function cgroupModeProblem({ CgroupnsMode: mode = '' }: HostConfig): string | undefined {
  return ['', 'private', 'host'].includes(mode) ? undefined : `invalid cgroup namespace mode: ${mode}`;
}
