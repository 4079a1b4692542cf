import { closeSync, fstatSync, readSync } from 'node:fs';
import koffi from 'koffi';
import { check } from './errno.ts';
import { native } from './libc.ts';

/** A filter in libseccomp's terms. Actions are the kernel's `SECCOMP_RET_*` values, architectures its `AUDIT_ARCH_*`. */
export interface SeccompProgram {
  readonly defaultAction: number;
  readonly architectures: readonly number[];
  readonly rules: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: number;
  /** All must hold. `op` is libseccomp's `scmp_compare` number. */
  readonly args: readonly {
    readonly index: number;
    readonly op: number;
    readonly value: bigint;
    readonly valueTwo: bigint;
  }[];
}

interface Library {
  readonly init: (action: number) => unknown;
  readonly release: (context: unknown) => void;
  readonly archAdd: (context: unknown, arch: number) => number;
  readonly attrSet: (context: unknown, attribute: number, value: number) => number;
  readonly resolve: (name: string) => number;
  readonly ruleAdd: (context: unknown, action: number, syscall: number, count: number, args: Uint8Array) => number;
  readonly exportBpf: (context: unknown, fd: number) => number;
}

const memfdCreate = native('memfd_create', 'int', ['path', 'uint']);

/**
 * Compiles a filter to the kernel's BPF with the system's libseccomp, as a tree that finds a system call in a few steps;
 * undefined where the library is not installed. System calls that it does not know are left out. Takes about 10 ms.
 */
export function compileSeccomp(program: SeccompProgram): Buffer | undefined {
  const library = load();
  if (!library) return undefined;
  const context = library.init(program.defaultAction);
  try {
    for (const arch of program.architectures) ignoreExisting(library.archAdd(context, arch));
    const optimize = 8;
    library.attrSet(context, optimize, 2);
    for (const rule of program.rules) {
      if (rule.action !== program.defaultAction) addRule(library, context, rule);
    }
    return exported(library, context);
  } finally {
    library.release(context);
  }
}

function load(): Library | undefined {
  try {
    const lib = koffi.load('libseccomp.so.2');
    return {
      init: lib.func('void *seccomp_init(uint32_t action)'),
      release: lib.func('void seccomp_release(void *context)'),
      archAdd: lib.func('int seccomp_arch_add(void *context, uint32_t arch)'),
      attrSet: lib.func('int seccomp_attr_set(void *context, int attribute, uint32_t value)'),
      resolve: lib.func('int seccomp_syscall_resolve_name(const char *name)'),
      ruleAdd: lib.func(
        'int seccomp_rule_add_array(void *context, uint32_t action, int syscall, unsigned int count, const void *args)',
      ),
      exportBpf: lib.func('int seccomp_export_bpf(void *context, int fd)'),
    };
  } catch {
    return undefined;
  }
}

/** The architecture of the machine is in a new filter already. */
function ignoreExisting(result: number): void {
  const EEXIST = 17;
  if (result < 0 && result !== -EEXIST) throw new Error(`seccomp_arch_add: error ${-result}`);
}

function addRule(library: Library, context: unknown, rule: SeccompRule): void {
  const args = Buffer.alloc(24 * rule.args.length);
  rule.args.forEach(({ index, op, value, valueTwo }, i) => {
    args.writeUInt32LE(index, i * 24);
    args.writeUInt32LE(op, i * 24 + 4);
    args.writeBigUInt64LE(value, i * 24 + 8);
    args.writeBigUInt64LE(valueTwo, i * 24 + 16);
  });
  for (const name of rule.names) {
    const unknown = -1;
    const syscall = library.resolve(name);
    if (syscall === unknown) continue;
    const result = library.ruleAdd(context, rule.action, syscall, rule.args.length, args);
    if (result < 0) throw new Error(`seccomp_rule_add_array ${name}: error ${-result}`);
  }
}

function exported(library: Library, context: unknown): Buffer {
  const closeOnExec = 1;
  const fd = check(memfdCreate('seccomp', closeOnExec), 'memfd_create');
  try {
    const result = library.exportBpf(context, fd);
    if (result < 0) throw new Error(`seccomp_export_bpf: error ${-result}`);
    const bpf = Buffer.alloc(fstatSync(fd).size);
    readSync(fd, bpf, 0, bpf.length, 0);
    return bpf;
  } finally {
    closeSync(fd);
  }
}
