import { parseExactJson } from '../../client/index.ts';
import { goStruct, isMap } from './template/values.ts';

/** Names of the API's fields that are maps with keys of the user's; every other object is a structure. */
const openMaps = new Set([
  'Annotations',
  'AuxiliaryAddresses',
  'Containers',
  'Data',
  'DriverOpts',
  'ExposedPorts',
  'Labels',
  'Networks',
  'Options',
  'PortBindings',
  'Ports',
  'Status',
  'StorageOpt',
  'Sysctls',
  'Tmpfs',
  'Volumes',
]);

/** Fields that the API leaves out when they are empty, and what they are then. */
const leftOut: Readonly<Record<string, unknown>> = {
  Annotations: null,
  ArgsEscaped: false,
  Cmd: null,
  Entrypoint: null,
  Env: null,
  ExposedPorts: null,
  Labels: null,
  User: '',
  Volumes: null,
  WorkingDir: '',
  Cpu: null,
  GraphDriver: null,
  Health: null,
  Healthcheck: null,
  ImageManifestDescriptor: null,
  Init: null,
  MacAddress: '',
  Mounts: null,
  NetworkDisabled: false,
  OnBuild: null,
  Parent: '',
  Shell: null,
  SizeRootFs: null,
  SizeRw: null,
  Status: null,
  StdinOnce: false,
  StopSignal: '',
  StopTimeout: null,
  StorageOpt: null,
  Sysctls: null,
  Tmpfs: null,
  UsageData: null,
  Variant: '',
};

const configOrder = [
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'Labels',
  'StopSignal',
  'ArgsEscaped',
  'Healthcheck',
  'OnBuild',
  'Shell',
];

export function omittedField(name: string): { readonly value: unknown } | undefined {
  return Object.hasOwn(leftOut, name) ? { value: leftOut[name] } : undefined;
}

/** Reads an answer of the API for a template: what is a structure in Go is marked as one. */
export function readInspected(json: string): unknown {
  const value = parseExactJson(json);
  return marked(isImage(value) ? imageInOrder(value) : value, false);
}

function isImage(value: unknown): value is Record<string, unknown> & { readonly Config: Record<string, unknown> } {
  return isMap(value) && 'RootFS' in value && isMap(value['Config']);
}

/** The API sends the configuration of an image last; the client's type has it after the author. */
function imageInOrder({ Config, ...rest }: Record<string, unknown> & { readonly Config: Record<string, unknown> }) {
  const fields = Object.entries(rest);
  const after = 1 + fields.findIndex(([name]) => name === 'Author');
  return Object.fromEntries([...fields.slice(0, after), ['Config', imageConfig(Config)], ...fields.slice(after)]);
}

/** The configuration of an image in the order of its specification, without what is empty. */
function imageConfig(config: Record<string, unknown>): Record<string, unknown> {
  const names = [...configOrder, ...Object.keys(config).filter((name) => !configOrder.includes(name))];
  return Object.fromEntries(names.filter((name) => !isEmpty(config[name])).map((name) => [name, config[name]]));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** `Config` is a map in a log configuration, and a structure everywhere else. */
function isOpenMap(name: string, parent: object): boolean {
  return openMaps.has(name) || (name === 'Config' && 'Type' in parent);
}

function marked(value: unknown, isOpen: boolean): unknown {
  if (Array.isArray(value)) return value.map((one) => marked(one, false));
  if (!isMap(value)) return value;
  const fields = Object.entries(value).map(([name, one]) => [name, marked(one, isOpenMap(name, value))]);
  return Object.assign(Object.fromEntries(fields), isOpen ? {} : { [goStruct]: true });
}
