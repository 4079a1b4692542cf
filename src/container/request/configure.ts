/** What a container is made of: the request over the image's own configuration, as Docker merges them. */
import { hostname } from 'node:os';
import { StrataError } from '../../errors/index.ts';
import type { PortBinding } from '../../network/index.ts';
import type { RuntimeConfig } from '../../oci/index.ts';
import { cleanPath } from '../../runtime/index.ts';
import type { ContainerConfig, HostConfig } from '../types.ts';

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function mergeConfig(
  given: ContainerConfig,
  image: RuntimeConfig,
  id: string,
  networkMode: string,
): ContainerConfig {
  const ownEntrypoint = given.Entrypoint !== undefined && given.Entrypoint !== null;
  const entrypoint = ownEntrypoint
    ? given.Entrypoint!.length === 1 && given.Entrypoint![0] === ''
      ? null
      : given.Entrypoint!
    : (image.Entrypoint ?? null);
  // An own entry point leaves the image's command behind.
  const cmd = given.Cmd?.length ? given.Cmd : ownEntrypoint ? null : (image.Cmd ?? null);
  const user = given.User || image.User || '';
  const workingDir = given.WorkingDir ? cleanPath(given.WorkingDir) : (image.WorkingDir ?? '');
  const stopSignal = given.StopSignal || image.StopSignal;
  const health = given.Healthcheck?.Test?.length
    ? given.Healthcheck
    : image.Healthcheck
      ? { ...image.Healthcheck, ...given.Healthcheck }
      : given.Healthcheck;
  const volumes = { ...image.Volumes, ...given.Volumes };
  return {
    ...given,
    Hostname: given.Hostname || (networkMode === 'host' ? hostname() : id.slice(0, 12)),
    Domainname: given.Domainname ?? '',
    User: user,
    Env: withImageEnv(given.Env ?? [], image.Env ?? []),
    Entrypoint: entrypoint,
    Cmd: cmd,
    WorkingDir: workingDir,
    Labels: { ...image.Labels, ...given.Labels },
    ExposedPorts: { ...image.ExposedPorts, ...given.ExposedPorts },
    ...(Object.keys(volumes).length > 0 && { Volumes: volumes }),
    ...(stopSignal && { StopSignal: stopSignal }),
    ...(health !== undefined && { Healthcheck: health }),
    ...((given.Shell ?? image.Shell) && { Shell: (given.Shell ?? image.Shell)! }),
  };
}

/** The request's variables, then those of the image that it does not name. */
function withImageEnv(given: readonly string[], image: readonly string[]): readonly string[] {
  const names = new Set(given.map(variableName));
  return [...given, ...image.filter((entry) => !names.has(variableName(entry)))];
}

const variableName = (entry: string) => entry.split('=', 1)[0]!;

/** `given` over `base`, each variable once, in its first place; a name alone takes the variable away. */
function mergeEnv(base: readonly string[], given: readonly string[]): readonly string[] {
  const values = new Map(base.map((entry) => [variableName(entry), entry]));
  for (const entry of given) {
    if (entry.includes('=')) values.set(variableName(entry), entry);
    else values.delete(entry);
  }
  return [...values.values()];
}

/** The command as run: entry point, then command; an error in Docker's words when there is neither. */
export function commandOf(config: ContainerConfig): readonly string[] {
  const command = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (command.length === 0) {
    throw new StrataError('invalid_argument', 'no command specified', {
      code: 'no_command',
      hint: 'give a command after the image, or set CMD or ENTRYPOINT in its Dockerfile',
    });
  }
  return command;
}

/** The environment of the container's process, or of an exec in it with variables of its own. */
export function processEnvironment(
  config: ContainerConfig,
  home: string,
  {
    exec,
    linked,
  }: {
    readonly exec?: { readonly env: readonly string[]; readonly tty: boolean };
    /** What is said of linked containers. */
    readonly linked: readonly string[];
  },
): readonly string[] {
  const tty = exec ? exec.tty : (config.Tty ?? false);
  const own = [defaultPath, `HOSTNAME=${config.Hostname}`, ...(tty ? ['TERM=xterm'] : []), ...linked];
  const env = mergeEnv(mergeEnv(own, config.Env ?? []), exec?.env ?? []);
  return env.some((entry) => entry.startsWith('HOME=')) ? env : [...env, `HOME=${home}`];
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
