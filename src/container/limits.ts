/** Checks of what a HostConfig asks of the host, in Docker's words: what is wrong is refused, what this host lacks is left out with a warning. */
import { availableParallelism } from 'node:os';
import { StrataError } from '../errors/index.ts';
import type { RuntimeFacts } from './runtime.ts';
import { securityOf } from './security-options.ts';
import type { HostConfig } from './types.ts';

const mebibyte = 1024 * 1024;

/** Throws `invalid_argument` for the first thing that cannot be. */
export function checkHostConfig(host: HostConfig): void {
  const problem = memoryProblem(host) ?? cpuProblem(host) ?? restartProblem(host) ?? otherProblem(host);
  if (problem !== undefined) throw new StrataError('invalid_argument', problem, { code: 'invalid_host_config' });
  securityOf(host.SecurityOpt ?? []);
}

function memoryProblem({ Memory: memory = 0, MemorySwap: swap = 0 }: HostConfig): string | undefined {
  if (memory !== 0 && memory < 6 * mebibyte) return 'Minimum memory limit allowed is 6MB';
  if (swap > 0 && memory === 0) return 'You should always set the Memory limit when using Memoryswap limit, see usage';
  if (swap > 0 && swap < memory) return 'Minimum memoryswap limit should be larger than memory limit, see usage';
  return undefined;
}

function cpuProblem(host: HostConfig): string | undefined {
  const { NanoCpus: nano = 0, CpuPeriod: period = 0, CpuQuota: quota = 0 } = host;
  const processors = availableParallelism();
  if (nano > 0 && period > 0) return 'Conflicting options: Nano CPUs and CPU Period cannot both be set.';
  if (nano > 0 && quota > 0) return 'Conflicting options: Nano CPUs and CPU Quota cannot both be set.';
  if (nano < 0 || nano > processors * 1e9)
    return `range of CPUs is from 0.01 to ${processors}.00, as there are only ${processors} CPUs available`;
  if (period !== 0 && (period < 1000 || period > 1_000_000))
    return 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)';
  if (quota > 0 && quota < 1000) return 'CPU cfs quota can not be less than 1ms (i.e. 1000)';
  return undefined;
}

function restartProblem({ RestartPolicy: policy, AutoRemove: autoRemove }: HostConfig): string | undefined {
  const name = policy?.Name || 'no';
  if (!['no', 'always', 'on-failure', 'unless-stopped'].includes(name))
    return `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`;
  if (name !== 'on-failure' && policy?.MaximumRetryCount)
    return "invalid restart policy: maximum retry count can only be used with 'on-failure'";
  if ((policy?.MaximumRetryCount ?? 0) < 0) return 'invalid restart policy: maximum retry count cannot be negative';
  if (autoRemove && name !== 'no') return "can't create 'AutoRemove' container with restart policy";
  return undefined;
}

function otherProblem({ ShmSize: shm = 0, LogConfig: log, OomScoreAdj: oom = 0 }: HostConfig): string | undefined {
  if (shm < 0) return 'SHM size can not be less than 0';
  if (oom < -1000 || oom > 1000) return 'Invalid value, range for oom score adj is [-1000, 1000]';
  if (!['', 'json-file', 'local', 'none'].includes(log?.Type ?? ''))
    return `logger: no log driver named '${log!.Type}' is registered`;
  return undefined;
}

/** What of it this host cannot do. */
export function hostConfigWarnings(host: HostConfig, facts: RuntimeFacts): string[] {
  const has = (controller: string) => facts.controllers.has(controller);
  const warnings = [...securityOf(host.SecurityOpt ?? []).warnings];
  const lacks = (asked: unknown, controller: string, text: string) => {
    if (asked && !has(controller)) warnings.push(text);
  };
  lacks(
    host.Memory,
    'memory',
    'Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
  );
  if (host.Memory && has('memory') && !facts.swapLimit && host.MemorySwap !== -1)
    warnings.push(
      'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
    );
  const cpuText = 'Your kernel does not support CPU CFS scheduler or the cgroup is not mounted. CPU limits discarded.';
  lacks(host.NanoCpus || host.CpuQuota || host.CpuPeriod, 'cpu', cpuText);
  lacks(
    host.CpuShares,
    'cpu',
    'Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.',
  );
  lacks(
    host.CpusetCpus,
    'cpuset',
    'Your kernel does not support cpuset or the cgroup is not mounted. CPUset discarded.',
  );
  lacks(
    (host.PidsLimit ?? 0) > 0,
    'pids',
    'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
  );
  if (host.NetworkMode === 'host' && Object.keys(host.PortBindings ?? {}).length > 0)
    warnings.push('Published ports are discarded when using host network mode');
  return warnings;
}

/** cgroup limits in the runtime spec's words (config-linux.md "Control groups"), as far as this host has them. */
export function resourcesOf(host: HostConfig, facts: RuntimeFacts): object {
  const has = (controller: string) => facts.controllers.has(controller);
  const period = host.CpuPeriod || 100_000;
  const quota = host.NanoCpus ? Math.round((host.NanoCpus / 1e9) * 100_000) : host.CpuQuota;
  const swap = host.MemorySwap || (host.Memory ?? 0) * 2;
  return {
    ...(host.Memory && has('memory') && { memory: { limit: host.Memory, ...(facts.swapLimit && { swap }) } }),
    cpu: {
      ...(quota && has('cpu') && { quota }),
      ...((quota || host.CpuPeriod) && has('cpu') && { period }),
      ...(host.CpuShares && has('cpu') && { shares: host.CpuShares }),
      ...(host.CpusetCpus && has('cpuset') && { cpus: host.CpusetCpus }),
    },
    ...((host.PidsLimit ?? 0) > 0 && has('pids') && { pids: { limit: host.PidsLimit } }),
  };
}
