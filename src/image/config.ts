import { messageOf, StrataError } from '../errors/index.ts';
import { hostPlatform, type ImageConfig, isDigest, type RuntimeConfig } from '../oci/index.ts';

/** overlayfs takes 500 layers; the container's own and one to spare go off. */
const mostLayers = 480;

type Shape = (value: unknown) => boolean;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text: Shape = (value) => typeof value === 'string';
const flag: Shape = (value) => typeof value === 'boolean';
const number: Shape = (value) => typeof value === 'number';
const texts: Shape = (value) => Array.isArray(value) && value.every(text);
const keys: Shape = isObject;
const textMap: Shape = (value) => isObject(value) && Object.values(value).every(text);
const health: Shape = (value) => isObject(value) && fits(value, healthFields) === undefined;

const healthFields: Readonly<Record<string, Shape>> = {
  Test: texts,
  Interval: number,
  Timeout: number,
  StartPeriod: number,
  StartInterval: number,
  Retries: number,
};
const runtimeFields: Readonly<Record<keyof RuntimeConfig, Shape>> = {
  User: text,
  ExposedPorts: keys,
  Env: texts,
  Entrypoint: texts,
  Cmd: texts,
  Volumes: keys,
  WorkingDir: text,
  Labels: textMap,
  StopSignal: text,
  ArgsEscaped: flag,
  Healthcheck: health,
  OnBuild: texts,
  Shell: texts,
  StopTimeout: number,
};
const historyFields: Readonly<Record<string, Shape>> = {
  created: text,
  created_by: text,
  author: text,
  comment: text,
  empty_layer: flag,
};
const configFields: Readonly<Record<string, Shape>> = {
  architecture: text,
  os: text,
  variant: text,
  'os.version': text,
  'os.features': texts,
  created: text,
  author: text,
};

/**
 * An image configuration out of somebody else's bytes (OCI image-spec v1.1 config.md), every field that we read of the
 * type that it must have: `data_loss` names the first that is not. As in Docker, null means absent, a command may be one
 * word instead of a list, and an image that does not say what it is for is for this machine.
 */
export function parseConfig(bytes: Uint8Array, subject: string): ImageConfig {
  const invalid = (why: string, cause?: unknown) =>
    new StrataError('data_loss', `the configuration of ${subject} is invalid: ${why}`, {
      code: 'invalid_config',
      ...(cause !== undefined && { cause }),
    });
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw invalid(messageOf(cause), cause);
  }
  if (!isObject(value)) throw invalid('it is no object');
  const out = withoutNulls(value);
  const check = (fields: Readonly<Record<string, Shape>>, object: Record<string, unknown>, path: string) => {
    const wrong = fits(object, fields);
    if (wrong !== undefined) throw invalid(`${path}${wrong} is not of the right type`);
  };
  check(configFields, out, '');
  out['rootfs'] = { ...diffIDsOf(out['rootfs'], invalid) };
  if (out['config'] !== undefined) {
    if (!isObject(out['config'])) throw invalid('config is not of the right type');
    out['config'] = runtimeOf(out['config']);
    check(runtimeFields, out['config'] as Record<string, unknown>, 'config.');
  }
  if (out['history'] !== undefined) {
    if (!Array.isArray(out['history'])) throw invalid('history is not of the right type');
    out['history'] = out['history'].map((entry) => (isObject(entry) ? withoutNulls(entry) : {}));
    for (const entry of out['history'] as Record<string, unknown>[]) check(historyFields, entry, 'history.');
  }
  out['os'] ||= 'linux';
  out['architecture'] ||= hostPlatform().architecture;
  return out as unknown as ImageConfig;
}

function diffIDsOf(value: unknown, invalid: (why: string) => StrataError): ImageConfig['rootfs'] {
  const diffIDs = isObject(value) ? (value['diff_ids'] ?? []) : [];
  if ((value !== undefined && !isObject(value)) || !Array.isArray(diffIDs) || !diffIDs.every(isDigest))
    throw invalid('rootfs.diff_ids are no digests');
  if (diffIDs.length > mostLayers) throw invalid(`it has ${diffIDs.length} layers, more than ${mostLayers}`);
  return { type: 'layers', diff_ids: diffIDs as unknown as ImageConfig['rootfs']['diff_ids'] };
}

function runtimeOf(value: Record<string, unknown>): Record<string, unknown> {
  const out = withoutNulls(value);
  for (const field of ['Cmd', 'Entrypoint', 'Shell']) if (text(out[field])) out[field] = [out[field]];
  if (isObject(out['Healthcheck'])) out['Healthcheck'] = withoutNulls(out['Healthcheck']);
  return out;
}

/** The first field that is not of its type. */
function fits(object: Record<string, unknown>, fields: Readonly<Record<string, Shape>>): string | undefined {
  return Object.keys(fields).find((field) => object[field] !== undefined && !fields[field]!(object[field]));
}

function withoutNulls(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}
