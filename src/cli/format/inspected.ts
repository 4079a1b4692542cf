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

export function omittedField(name: string): { readonly value: unknown } | undefined {
  return Object.hasOwn(leftOut, name) ? { value: leftOut[name] } : undefined;
}

/** Reads an answer of the API for a template: what is a structure in Go is marked as one. */
export function readInspected(json: string): unknown {
  return marked(parseExactJson(json), false);
}

function marked(value: unknown, isOpen: boolean): unknown {
  if (Array.isArray(value)) return value.map((one) => marked(one, false));
  if (!isMap(value)) return value;
  const fields = Object.entries(value).map(([name, one]) => [name, marked(one, openMaps.has(name))]);
  return Object.assign(Object.fromEntries(fields), isOpen ? {} : { [goStruct]: true });
}
