import { posix } from 'node:path';
import { expandWord, type Instruction, parseInstruction, parsePorts } from '../dockerfile/index.ts';
import { messageOf, StrataError } from '../errors/index.ts';
import type { RuntimeConfig } from '../oci/index.ts';

const allowed = new Set([
  'cmd',
  'entrypoint',
  'env',
  'expose',
  'healthcheck',
  'label',
  'onbuild',
  'stopsignal',
  'user',
  'volume',
  'workdir',
]);

/** Applies Dockerfile instructions (`docker commit --change`, `docker import --change`) to a configuration. */
export function applyChanges(base: RuntimeConfig, changes: readonly string[]): RuntimeConfig {
  const lines = changes
    .flatMap((text) => text.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.reduce((config, line) => applyLine(config, line), base);
}

function applyLine(config: RuntimeConfig, line: string): RuntimeConfig {
  const word = line.split(/\s/)[0]!;
  if (!allowed.has(word.toLowerCase())) {
    throw new StrataError('invalid_argument', `${word.toUpperCase()} is not a valid change command`, {
      code: 'invalid_change',
    });
  }
  return applyInstruction(config, parseInstruction(line));
}

function applyInstruction(config: RuntimeConfig, change: Instruction): RuntimeConfig {
  const shell = config.Shell ?? ['/bin/sh', '-c'];
  const expand = (text: string) => expandWord(text, (name) => envValue(config.Env ?? [], name)).value;
  switch (change.kind) {
    case 'cmd':
      return { ...config, Cmd: change.shell ? [...shell, ...change.args] : change.args };
    case 'entrypoint':
      return { ...config, Entrypoint: change.shell ? [...shell, ...change.args] : change.args };
    case 'env':
      return {
        ...config,
        Env: change.pairs.reduce((env, { key, value }) => setEnv(env, expand(key), expand(value)), config.Env ?? []),
      };
    case 'expose':
      return {
        ...config,
        ExposedPorts: { ...config.ExposedPorts, ...asSet(exposed(change.ports.map(expand))) },
      };
    case 'healthcheck':
      return { ...config, Healthcheck: healthcheck(change.health) };
    case 'label':
      return {
        ...config,
        Labels: {
          ...config.Labels,
          ...Object.fromEntries(change.pairs.map(({ key, value }) => [expand(key), expand(value)])),
        },
      };
    case 'onbuild':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), change.expression] };
    case 'stopsignal':
      return { ...config, StopSignal: expand(change.signal) };
    case 'user':
      return { ...config, User: expand(change.user) };
    case 'volume':
      return { ...config, Volumes: { ...config.Volumes, ...asSet(change.volumes.map(expand)) } };
    case 'workdir':
      return { ...config, WorkingDir: joinPath(config.WorkingDir ?? '/', expand(change.path)) };
    default:
      throw new StrataError('invalid_argument', `${change.keyword} is not a valid change command`, {
        code: 'invalid_change',
      });
  }
}

function envValue(env: readonly string[], name: string): string | undefined {
  const row = env.findLast((entry) => entry.startsWith(`${name}=`));
  return row?.slice(name.length + 1);
}

function setEnv(env: readonly string[], key: string, value: string): readonly string[] {
  const row = `${key}=${value}`;
  const at = env.findIndex((entry) => entry.startsWith(`${key}=`));
  return at < 0 ? [...env, row] : env.with(at, row);
}

function asSet(names: readonly string[]): Readonly<Record<string, Record<string, never>>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** In the words of the old builder, which reads these for Docker. */
function exposed(ports: readonly string[]): readonly string[] {
  try {
    return parsePorts(ports);
  } catch (cause) {
    const message = messageOf(cause).replace(/^i/, 'I');
    throw new StrataError('invalid_argument', message, { code: 'invalid_change', cause });
  }
}

function joinPath(base: string, path: string): string {
  return posix.resolve(base, path);
}

type Health = Extract<Instruction, { kind: 'healthcheck' }>['health'];

function healthcheck(health: Health): NonNullable<RuntimeConfig['Healthcheck']> {
  return {
    Test: health.test,
    ...(health.interval > 0 && { Interval: health.interval }),
    ...(health.timeout > 0 && { Timeout: health.timeout }),
    ...(health.startPeriod > 0 && { StartPeriod: health.startPeriod }),
    ...(health.startInterval > 0 && { StartInterval: health.startInterval }),
    ...(health.retries > 0 && { Retries: health.retries }),
  };
}
