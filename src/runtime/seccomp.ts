/** Seccomp filters of containers: from a profile in Docker's format to the runtime spec, or to a ready BPF program. */
import { StrataError } from '../errors/index.ts';
import { compileSeccomp } from '../sys/index.ts';

interface ProfileRule {
  readonly names?: readonly string[];
  readonly name?: string;
  readonly action: string;
  readonly args?:
    | readonly { readonly index: number; readonly value: number; readonly valueTwo?: number; readonly op: string }[]
    | null;
  readonly includes?: { readonly arches?: readonly string[] | null; readonly caps?: readonly string[] | null };
  readonly excludes?: { readonly arches?: readonly string[] | null; readonly caps?: readonly string[] | null };
  readonly errnoRet?: number;
}

/** Docker's profile format: `--security-opt seccomp=profile.json`. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[] | null;
  readonly archMap?:
    | readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null }[]
    | null;
  readonly syscalls?: readonly ProfileRule[] | null;
}

/** The runtime spec's `linux.seccomp` (config-linux.md "Seccomp"). */
export interface SeccompSection {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly args?: NonNullable<ProfileRule['args']>;
    readonly errnoRet?: number;
  }[];
}

const EPERM = 1;

/** Reads a profile that a user gave; `invalid_argument` where it is none. */
export function parseProfile(text: string): SeccompProfile {
  try {
    const profile = JSON.parse(text) as SeccompProfile;
    if (actions[profile.defaultAction] === undefined) throw new Error('defaultAction is missing or unknown');
    if (!(profile.syscalls ?? []).every(isRule)) throw new Error('a rule of syscalls is not understood');
    return profile;
  } catch (cause) {
    throw new StrataError('invalid_argument', `Decoding seccomp profile failed: ${(cause as Error).message}`, {
      code: 'invalid_seccomp_profile',
      cause,
    });
  }
}

function isRule(rule: ProfileRule): boolean {
  const names = rule.names ?? [rule.name];
  return (
    actions[rule.action] !== undefined &&
    Array.isArray(names) &&
    names.every((name) => typeof name === 'string') &&
    (rule.args ?? []).every((arg) => comparisons[arg.op] !== undefined && Number.isFinite(arg.value))
  );
}

/** The section for a container with these capabilities on a machine of Go's name `architecture` (`amd64`). */
export function seccompSection(
  profile: SeccompProfile,
  capabilities: ReadonlySet<string>,
  architecture: string,
): SeccompSection {
  const native = { amd64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' }[architecture];
  const mapped = profile.archMap?.find((entry) => entry.architecture === native);
  return {
    defaultAction: profile.defaultAction,
    defaultErrnoRet: profile.defaultErrnoRet ?? EPERM,
    architectures: mapped
      ? [mapped.architecture, ...(mapped.subArchitectures ?? [])]
      : (profile.architectures ?? (native ? [native] : [])),
    syscalls: (profile.syscalls ?? [])
      .filter((rule) => applies(rule, capabilities, architecture))
      .map(({ names, name, action, args, errnoRet }) => ({
        names: names?.length ? names : name ? [name] : [],
        action,
        ...(args?.length && { args }),
        ...(errnoRet !== undefined && { errnoRet }),
      })),
  };
}

function applies(rule: ProfileRule, capabilities: ReadonlySet<string>, architecture: string): boolean {
  const { includes, excludes } = rule;
  if (includes?.arches?.length && !includes.arches.includes(architecture)) return false;
  if (includes?.caps?.length && !includes.caps.every((name) => capabilities.has(name))) return false;
  if (excludes?.arches?.includes(architecture)) return false;
  return !excludes?.caps?.some((name) => capabilities.has(name));
}

/** `SECCOMP_RET_*`; those that carry a number take it in their low half. */
const actions: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

const comparisons: Readonly<Record<string, number>> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};

/** `AUDIT_ARCH_*`, with libseccomp's own bit for x32. */
const architectures: Readonly<Record<string, number>> = {
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_X32: 0x4000003e,
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_ARM: 0x40000028,
};

/**
 * Compiles sections to BPF, each once: a runtime that does it itself needs about 20 ms for every container. Undefined
 * where it cannot be done here; the runtime then does it.
 */
export function createSeccompCompiler(): (section: SeccompSection) => string | undefined {
  const known = new Map<string, string | undefined>();
  const most = 32;
  return (section) => {
    const key = JSON.stringify(section);
    if (!known.has(key)) {
      if (known.size >= most) known.clear();
      known.set(key, compile(section));
    }
    return known.get(key);
  };
}

function compile(section: SeccompSection): string | undefined {
  if (!section.architectures.every((name) => architectures[name] !== undefined)) return undefined;
  const number = (action: string, value = EPERM) =>
    (actions[action]! | (['SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE'].includes(action) ? value : 0)) >>> 0;
  const program = compileSeccomp({
    defaultAction: number(section.defaultAction, section.defaultErrnoRet),
    architectures: section.architectures.map((name) => architectures[name]!),
    rules: section.syscalls.map(({ names, action, args = [], errnoRet }) => ({
      names,
      action: number(action, errnoRet),
      args: args.map(({ index, op, value, valueTwo = 0 }) => ({
        index,
        op: comparisons[op]!,
        value: BigInt(value),
        valueTwo: BigInt(valueTwo),
      })),
    })),
  });
  return program?.toString('base64');
}
