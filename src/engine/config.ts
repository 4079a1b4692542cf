import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { privatePools } from '../network/index.ts';
import type { EngineConfig } from './types.ts';

/** Where the daemon's settings are read from unless `--config` names another file. */
export const defaultConfigFile = '/etc/strata/config.json';

export function defaultConfig(): EngineConfig {
  return {
    dataRoot: '/var/lib/strata',
    stateRoot: '/run/strata',
    registries: { mirrors: [], insecure: ['127.0.0.0/8', '::1/128', 'localhost'], certsDir: '/etc/docker/certs.d' },
    // Steps wait as much as they work: for downloads, for the disk, for locks.
    parallelism: Math.max(8, 4 * availableParallelism()),
    bridge: { name: 'strata0', subnet: 'auto' },
    addressPools: privatePools,
    gc: {
      enabled: true,
      maxBytes: 20 * 1024 ** 3,
      maxAgeSeconds: 30 * 24 * 3600,
      minFreeBytes: 2 * 1024 ** 3,
      reservedBytes: 1024 ** 3,
      intervalSeconds: 3600,
    },
    layout: { pack: true, idleSeconds: 10 },
    limits: { layerBytes: 64 * 1024 ** 3, layerEntries: 4_000_000, layerRatio: 200 },
  };
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string' && value !== '';
const isPath: Check = (value) => typeof value === 'string' && isAbsolute(value);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isPositive: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value > 0;
const isCount: Check = (value) => Number.isSafeInteger(value) && isPositive(value);
const isAmount: Check = (value) => value === 0 || isPositive(value);
const isPools: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((one) => isText(one?.base) && isCount(one?.size));
const isFlag: Check = (value) => typeof value === 'boolean';

/** Every setting by its dotted name, what it must be, and the words for that. */
const settings: Readonly<Record<string, readonly [Check, string]>> = {
  dataRoot: [isPath, 'an absolute path'],
  stateRoot: [isPath, 'an absolute path'],
  parallelism: [isCount, 'a whole number above 0'],
  'registries.mirrors': [isTexts, 'a list of URLs'],
  'registries.insecure': [isTexts, 'a list of hosts or CIDRs'],
  'registries.certsDir': [isPath, 'an absolute path'],
  'bridge.name': [isText, 'the name of a network interface'],
  'bridge.subnet': [isText, 'a subnet such as 10.88.0.0/16, or "auto"'],
  addressPools: [isPools, 'a list of pools such as {"base": "10.90.0.0/16", "size": 24}'],
  'gc.enabled': [isFlag, 'true or false'],
  'gc.maxBytes': [isPositive, 'a number of bytes'],
  'gc.maxAgeSeconds': [isPositive, 'a number of seconds'],
  'gc.minFreeBytes': [isAmount, 'a number of bytes, or 0'],
  'gc.reservedBytes': [isAmount, 'a number of bytes, or 0'],
  'gc.intervalSeconds': [isPositive, 'a number of seconds'],
  'layout.pack': [isFlag, 'true or false'],
  'layout.idleSeconds': [isAmount, 'a number of seconds, or 0'],
  'limits.layerBytes': [isPositive, 'a number of bytes'],
  'limits.layerEntries': [isCount, 'a whole number above 0'],
  'limits.layerRatio': [isPositive, 'a number above 0'],
};

/**
 * The settings of `file` over the defaults. A file that is not there is an empty one; anything wrong in it is
 * `invalid_argument` that names the file and the setting.
 */
export function loadConfig(file: string, required: boolean): EngineConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (!required && (cause as NodeJS.ErrnoException).code === 'ENOENT') return defaultConfig();
    throw new StrataError('invalid_argument', `cannot read the configuration file ${file}`, { cause });
  }
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw new StrataError('invalid_argument', `${file} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  return mergeConfig(defaultConfig(), given, file);
}

/** `given` over `base`, every setting checked; `origin` names the source in messages. */
export function mergeConfig(base: EngineConfig, given: unknown, origin: string): EngineConfig {
  return mergeSection(base as unknown as Record<string, unknown>, given, '', origin) as unknown as EngineConfig;
}

function mergeSection(
  base: Record<string, unknown>,
  given: unknown,
  prefix: string,
  origin: string,
): Record<string, unknown> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new StrataError(
      'invalid_argument',
      `${origin}: ${prefix === '' ? 'the configuration' : prefix.slice(0, -1)} must be an object`,
    );
  }
  const out = { ...base };
  for (const [key, value] of Object.entries(given)) {
    const name = prefix + key;
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    if (typeof below === 'object' && below !== null && !Array.isArray(below)) {
      out[key] = mergeSection(below as Record<string, unknown>, value, `${name}.`, origin);
      continue;
    }
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (!setting) {
      throw new StrataError('invalid_argument', `${origin}: unknown setting ${JSON.stringify(name)}`, {
        hint: `known settings: ${Object.keys(settings).join(', ')}`,
      });
    }
    if (!setting[0](value))
      throw new StrataError(
        'invalid_argument',
        `${origin}: ${name} must be ${setting[1]}, not ${JSON.stringify(value)}`,
      );
    out[key] = value;
  }
  return out;
}
