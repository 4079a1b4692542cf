import { StrataError } from '../errors/index.ts';

/** Docker's default set. */
const defaults = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
];

/** capabilities(7), in the order of their numbers. */
const known = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
];

/** `CAP_…` names for a container, of names that have been checked; never more than `available`, the daemon's own. */
export function capabilitySet(options: {
  readonly privileged: boolean;
  readonly add: readonly string[];
  readonly drop: readonly string[];
  readonly available: ReadonlySet<string>;
}): readonly string[] {
  const add = options.add.map(normalise);
  // As in Docker, privileged wins.
  const drop = options.privileged ? [] : options.drop.map(normalise);
  let set = new Set(options.privileged || add.includes('ALL') ? known : defaults);
  if (drop.includes('ALL')) set = new Set(add.includes('ALL') ? known : []);
  for (const name of drop) set.delete(name);
  for (const name of add) if (name !== 'ALL') set.add(name);
  return [...set].map((name) => `CAP_${name}`).filter((name) => options.available.has(name));
}

/** Throws `invalid_argument`, in Docker's words, for a capability that the kernel does not have. */
export function checkCapabilities(host: {
  readonly CapAdd?: readonly string[];
  readonly CapDrop?: readonly string[];
}): void {
  for (const field of ['CapAdd', 'CapDrop'] as const) {
    const unknown = host[field]?.map(normalise).find((name) => name !== 'ALL' && !known.includes(name));
    if (unknown === undefined) continue;
    const shown = JSON.stringify(unknown.startsWith('CAP_') ? unknown : `CAP_${unknown}`);
    throw new StrataError('invalid_argument', `invalid ${field}: unknown capability: ${shown}`, {
      code: 'invalid_capability',
    });
  }
}

/** Without `CAP_`, which `ALL` does not have. */
function normalise(text: string): string {
  const name = text.toUpperCase();
  return name === 'CAP_ALL' ? name : name.replace(/^CAP_/, '');
}

/** The capabilities of a process from the `CapBnd` line of its status. */
export function parseCapabilityMask(status: string): ReadonlySet<string> {
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return new Set(known.filter((_, bit) => (mask >> BigInt(bit)) & 1n).map((name) => `CAP_${name}`));
}
