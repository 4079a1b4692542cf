/** What a container is made of: the request over the image's own configuration, as Docker merges them. */
import { StrataError } from '../errors/index.ts';
import type { PortBinding } from '../network/index.ts';
import type { RuntimeConfig } from '../oci/index.ts';
import type { ContainerConfig, HostConfig } from './types.ts';

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function mergeConfig(given: ContainerConfig, image: RuntimeConfig, id: string): ContainerConfig {
  const ownEntrypoint = given.Entrypoint !== undefined && given.Entrypoint !== null;
  const entrypoint = ownEntrypoint
    ? given.Entrypoint!.length === 1 && given.Entrypoint![0] === ''
      ? []
      : given.Entrypoint!
    : (image.Entrypoint ?? null);
  // An own entry point leaves the image's command behind.
  const cmd = given.Cmd?.length ? given.Cmd : ownEntrypoint ? null : (image.Cmd ?? null);
  const user = given.User || image.User || '';
  const workingDir = given.WorkingDir || image.WorkingDir || '';
  const stopSignal = given.StopSignal ?? image.StopSignal;
  const health = given.Healthcheck?.Test?.length
    ? given.Healthcheck
    : image.Healthcheck
      ? { ...image.Healthcheck, ...given.Healthcheck }
      : given.Healthcheck;
  const volumes = { ...image.Volumes, ...given.Volumes };
  return {
    ...given,
    Hostname: given.Hostname || id.slice(0, 12),
    Domainname: given.Domainname ?? '',
    User: user,
    Env: mergeEnv([...(image.Env ?? [])], given.Env ?? []),
    Entrypoint: entrypoint,
    Cmd: cmd,
    WorkingDir: workingDir,
    Labels: { ...image.Labels, ...given.Labels },
    ExposedPorts: { ...image.ExposedPorts, ...given.ExposedPorts },
    ...(Object.keys(volumes).length > 0 && { Volumes: volumes }),
    ...(stopSignal !== undefined && { StopSignal: stopSignal }),
    ...(health !== undefined && { Healthcheck: health }),
    ...((given.Shell ?? image.Shell) && { Shell: (given.Shell ?? image.Shell)! }),
  };
}

function mergeEnv(image: readonly string[], given: readonly string[]): readonly string[] {
  const keys = new Map<string, string>();
  for (const entry of [defaultPath, ...image]) keys.set(entry.split('=', 1)[0]!, entry);
  for (const entry of given) {
    const key = entry.split('=', 1)[0]!;
    // A name alone takes the variable away.
    if (entry === key) keys.delete(key);
    else keys.set(key, entry);
  }
  return [...keys.values()];
}

/** The command as run: entry point, then command; an error in Docker's words when there is neither. */
export function commandOf(config: ContainerConfig): readonly string[] {
  const command = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (command.length === 0 || command[0] === '') {
    throw new StrataError('invalid_argument', 'no command specified', {
      code: 'no_command',
      hint: 'give a command after the image, or set CMD or ENTRYPOINT in its Dockerfile',
    });
  }
  return command;
}

/** The environment of the process. */
export function processEnvironment(config: ContainerConfig, home: string): readonly string[] {
  const env = [...(config.Env ?? [])];
  const has = (key: string) => env.some((entry) => entry.startsWith(`${key}=`));
  if (!has('HOSTNAME')) env.push(`HOSTNAME=${config.Hostname}`);
  if (config.Tty && !has('TERM')) env.push('TERM=xterm');
  if (!has('HOME')) env.push(`HOME=${home}`);
  return env;
}

/** Ports to publish: what was asked for, and with `-P` every exposed one. */
export function portsToPublish(
  config: ContainerConfig,
  host: HostConfig,
): Readonly<Record<string, readonly PortBinding[]>> {
  const ports: Record<string, readonly PortBinding[]> = {};
  for (const [port, bindings] of Object.entries(host.PortBindings ?? {})) {
    if (!/^\d{1,5}(\/(tcp|udp|sctp))?$/.test(port))
      throw new StrataError('invalid_argument', `invalid port specification: ${JSON.stringify(port)}`);
    const key = port.includes('/') ? port : `${port}/tcp`;
    ports[key] = bindings?.length ? bindings : [{ HostPort: '' }];
  }
  if (host.PublishAllPorts)
    for (const port of Object.keys(config.ExposedPorts ?? {}))
      ports[port.includes('/') ? port : `${port}/tcp`] ??= [{ HostPort: '' }];
  return ports;
}

/** cgroup limits in the runtime spec's words (config-linux.md "Control groups"). */
export function resourcesOf(host: HostConfig): object {
  const period = host.CpuPeriod || 100_000;
  const quota = host.NanoCpus ? Math.round((host.NanoCpus / 1e9) * 100_000) : host.CpuQuota;
  return {
    ...(host.Memory && { memory: { limit: host.Memory, ...(host.MemorySwap ? { swap: host.MemorySwap } : {}) } }),
    ...((quota || host.CpuShares || host.CpusetCpus) && {
      cpu: {
        ...(quota && { quota, period }),
        ...(host.CpuShares && { shares: host.CpuShares }),
        ...(host.CpusetCpus && { cpus: host.CpusetCpus }),
      },
    }),
    ...(host.PidsLimit && host.PidsLimit > 0 && { pids: { limit: host.PidsLimit } }),
  };
}
