import { resolve } from 'node:path';
import { csvFields } from '../flags/csv.ts';
import { parseBool, parseBytes } from '../flags/values.ts';
import { UsageError } from '../usage-error.ts';

interface Mount {
  Type: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: Record<string, unknown>;
  VolumeOptions?: Record<string, unknown> & {
    Labels?: Record<string, string>;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
  };
  TmpfsOptions?: Record<string, unknown>;
}

/** Reads one `--mount`: `type=bind,source=/a,target=/b,readonly`. */
export function parseMount(spec: string, cwd: string): Mount {
  const mount: Mount = { Type: 'volume' };
  try {
    for (const field of csvFields(spec)) setField(mount, field, cwd);
    check(mount);
    checkRecursion(mount);
  } catch (error) {
    throw new UsageError(`invalid argument ${JSON.stringify(spec)} for "--mount" flag: ${(error as Error).message}`);
  }
  return mount;
}

const switches = ['readonly', 'ro', 'volume-nocopy', 'bind-nonrecursive', 'bind-create-src'];

function setField(mount: Mount, field: string, cwd: string): void {
  const at = field.indexOf('=');
  const key = (at === -1 ? field : field.slice(0, at)).toLowerCase();
  if (at === -1 && !switches.includes(key)) throw new Error(`invalid field '${field}' must be a key=value pair`);
  const value = at === -1 ? 'true' : field.slice(at + 1);
  const flag = () => {
    try {
      return parseBool(value);
    } catch {
      throw new Error(`invalid value for ${key}: ${value}`);
    }
  };
  const bind = (name: string, setting: unknown) => {
    mount.BindOptions = { ...mount.BindOptions, [name]: setting };
  };
  const volume = (name: string, setting: unknown) => {
    mount.VolumeOptions = { ...mount.VolumeOptions, [name]: setting };
  };
  switch (key) {
    case 'type':
      mount.Type = value.toLowerCase();
      return;
    case 'source':
    case 'src':
      mount.Source = /^\.\.?(\/|$)/.test(value) ? resolve(cwd, value) : value;
      return;
    case 'target':
    case 'dst':
    case 'destination':
      mount.Target = value;
      return;
    case 'readonly':
    case 'ro':
      mount.ReadOnly = flag();
      return;
    case 'consistency':
      mount.Consistency = value.toLowerCase();
      return;
    case 'bind-propagation':
      bind('Propagation', value.toLowerCase());
      return;
    case 'bind-nonrecursive':
      bind('NonRecursive', flag());
      return;
    case 'bind-create-src':
      bind('CreateMountpoint', flag());
      return;
    case 'bind-recursive':
      setRecursive(value, mount, bind);
      return;
    case 'volume-nocopy':
      volume('NoCopy', flag());
      return;
    case 'volume-subpath':
      volume('Subpath', value);
      return;
    case 'volume-label':
      volume('Labels', { ...mount.VolumeOptions?.Labels, ...pair(value) });
      return;
    case 'volume-driver':
      volume('DriverConfig', { ...mount.VolumeOptions?.DriverConfig, Name: value });
      return;
    case 'volume-opt': {
      const driver = mount.VolumeOptions?.DriverConfig;
      volume('DriverConfig', { ...driver, Options: { ...driver?.Options, ...pair(value) } });
      return;
    }
    case 'tmpfs-size':
      mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: parseBytes(value) };
      return;
    case 'tmpfs-mode':
      if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for ${key}: ${value}`);
      mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value, 8) };
      return;
    default:
      throw new Error(`unexpected key '${key}' in '${field}'`);
  }
}

function setRecursive(value: string, _mount: Mount, bind: (name: string, setting: unknown) => void): void {
  switch (value) {
    case 'enabled':
      return;
    case 'disabled':
      bind('NonRecursive', true);
      return;
    case 'writable':
      bind('ReadOnlyNonRecursive', true);
      return;
    case 'readonly':
      bind('ReadOnlyForceRecursive', true);
      return;
    default:
      throw new Error(
        `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
      );
  }
}

/** What a recursion stands on. */
function checkRecursion({ BindOptions: options = {}, ReadOnly: readOnly }: Mount): void {
  const needs = (recursion: string, other: string) =>
    new Error(`option 'bind-recursive=${recursion}' requires '${other}' to be specified in conjunction`);
  if (options['ReadOnlyNonRecursive'] && !readOnly) throw needs('writable', 'readonly');
  if (!options['ReadOnlyForceRecursive']) return;
  if (!readOnly) throw needs('readonly', 'readonly');
  if (options['Propagation'] !== 'rprivate') throw needs('readonly', 'bind-propagation=rprivate');
}

function check({ Type, Target, BindOptions, VolumeOptions, TmpfsOptions }: Mount): void {
  if (Type === '') throw new Error('type is required');
  if (!Target) throw new Error('target is required');
  if (VolumeOptions && Type !== 'volume') throw new Error(`cannot mix 'volume-*' options with mount type '${Type}'`);
  if (BindOptions && Type !== 'bind') throw new Error(`cannot mix 'bind-*' options with mount type '${Type}'`);
  if (TmpfsOptions && Type !== 'tmpfs') throw new Error(`cannot mix 'tmpfs-*' options with mount type '${Type}'`);
}

function pair(value: string): Record<string, string> {
  const at = value.indexOf('=');
  return at === -1 ? { [value]: '' } : { [value.slice(0, at)]: value.slice(at + 1) };
}
