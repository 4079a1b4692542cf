import { readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { majorMinor } from '../sys/index.ts';

/** The devices that are wished for, in the Engine API's words. */
export interface DeviceWishes {
  readonly Privileged?: boolean;
  readonly Devices?: readonly {
    readonly PathOnHost?: string;
    readonly PathInContainer?: string;
    readonly CgroupPermissions?: string;
  }[];
  readonly DeviceCgroupRules?: readonly string[];
  readonly DeviceRequests?: readonly {
    readonly Driver?: string;
    readonly DeviceIDs?: readonly string[];
    readonly Capabilities?: readonly (readonly string[])[];
  }[];
}

/** A device node of a container, in the runtime spec's words (config-linux.md "Devices"), and what may be done with it. */
export interface DeviceNode {
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
  readonly access: string;
}

/** `--device`: single nodes, or every node of a folder; with `--privileged` all that the host has in /dev. */
export function deviceNodes(host: DeviceWishes): readonly DeviceNode[] {
  if (!host.Privileged) return namedNodes(host.Devices ?? []);
  // It has those of the host by their own names already.
  const renamed = host.Devices?.filter(({ PathOnHost: there, PathInContainer: here }) => here && here !== there) ?? [];
  return [...nodesBelow('/dev', '/dev', 'rwm'), ...namedNodes(renamed)];
}

function namedNodes(devices: NonNullable<DeviceWishes['Devices']>): readonly DeviceNode[] {
  return devices.flatMap(({ PathOnHost = '', PathInContainer, CgroupPermissions }) => {
    const inside = PathInContainer || PathOnHost;
    const access = CgroupPermissions || 'rwm';
    const found = PathOnHost === '' ? undefined : statSync(PathOnHost, { throwIfNoEntry: false });
    const nodes = found?.isDirectory() ? nodesBelow(PathOnHost, inside, access) : nodeOf(found, inside, access);
    if (nodes.length > 0) return nodes;
    throw new StrataError(
      'invalid_argument',
      `error gathering device information while adding custom device ${JSON.stringify(PathOnHost)}: ${found ? 'not a device node' : 'no such file or directory'}`,
      { code: 'no_such_device' },
    );
  });
}

/** Throws for devices that a driver would have to choose (`--gpus`): there is none. */
export function refuseDeviceRequests({ DeviceRequests: requests = [] }: DeviceWishes): void {
  const [request] = requests;
  if (!request) return;
  const { Driver: driver = '', DeviceIDs: ids, Capabilities: capabilities } = request;
  const sets = (capabilities ?? []).map((set) => `[${set.join(' ')}]`).join(' ');
  const message =
    driver === 'cdi'
      ? `CDI device injection failed: unresolvable CDI devices ${(ids ?? []).join(', ')}`
      : `could not select device driver ${JSON.stringify(driver)} with capabilities: [${sets}]`;
  throw new StrataError('internal', message, { code: 'no_device_driver' });
}

/** `type major:minor access` of a `--device-cgroup-rule` in the runtime spec's words. */
export function deviceRules({ DeviceCgroupRules: rules = [] }: DeviceWishes): readonly object[] {
  return rules.map((rule) => {
    const [, type, major, minor, access] = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(rule) ?? [];
    if (type === undefined)
      throw new StrataError('invalid_argument', `invalid device cgroup rule format: '${rule}'`, {
        code: 'invalid_device_rule',
      });
    const number = (text = '*') => (text === '*' ? -1 : Number(text));
    return { allow: true, type, major: number(major), minor: number(minor), access };
  });
}

function nodeOf(found: Stats | undefined, path: string, access: string): readonly DeviceNode[] {
  if (!found?.isCharacterDevice() && !found?.isBlockDevice()) return [];
  const { major, minor } = majorMinor(found.rdev);
  const type = found.isBlockDevice() ? 'b' : 'c';
  return [{ path, type, major, minor, fileMode: found.mode & 0o7777, uid: found.uid, gid: found.gid, access }];
}

/** File systems of their own below /dev, which the container has by itself, and the console, which is its terminal. */
const left = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console']);

function nodesBelow(folder: string, inside: string, access: string): readonly DeviceNode[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return left.has(entry.name) ? [] : nodesBelow(path, join(inside, entry.name), access);
    if (left.has(entry.name) || entry.isSymbolicLink()) return [];
    return nodeOf(statSync(path, { throwIfNoEntry: false }), join(inside, entry.name), access);
  });
}
