/**
 * The seccomp filter of containers: the profile that the distribution ships for Podman, narrowed to what Docker allows.
 *
 * Podman's list leaves namespaces, mounts and keyrings to the capabilities; Docker's refuses them without
 * CAP_SYS_ADMIN, so that a hole in the kernel's own checks cannot be reached.
 */
import { readFileSync } from 'node:fs';

interface ProfileRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?:
    | readonly { readonly index: number; readonly value: number; readonly valueTwo?: number; readonly op: string }[]
    | null;
  readonly includes?: { readonly arches?: readonly string[]; readonly caps?: readonly string[] };
  readonly excludes?: { readonly arches?: readonly string[]; readonly caps?: readonly string[] };
  readonly errnoRet?: number;
}

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] }[];
  readonly syscalls: readonly ProfileRule[];
}

const profilePath = '/usr/share/containers/seccomp.json';

/** Calls that need CAP_SYS_ADMIN in Docker's profile. */
const administration = new Set([
  'bpf',
  'fanotify_init',
  'fsconfig',
  'fsmount',
  'fsopen',
  'fspick',
  'lookup_dcookie',
  'mount',
  'mount_setattr',
  'move_mount',
  'open_tree',
  'perf_event_open',
  'quotactl',
  'quotactl_fd',
  'setdomainname',
  'sethostname',
  'setns',
  'syslog',
  'umount',
  'umount2',
  'unshare',
]);
/** Calls that Docker's profile never allows. */
const never = new Set([
  'add_key',
  'keyctl',
  'request_key',
  'userfaultfd',
  'io_uring_setup',
  'io_uring_enter',
  'io_uring_register',
  'kexec_load',
  'kexec_file_load',
]);
/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET. */
const namespaceFlags = 0x7e020000;
const ENOSYS = 38;

/** The distribution's profile; undefined where it is not installed. */
export function readProfile(path = profilePath): SeccompProfile | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SeccompProfile;
  } catch {
    return undefined;
  }
}

/** The filter of the runtime spec (config-linux.md "Seccomp") for a container with these capabilities. */
export function seccompFilter(
  profile: SeccompProfile,
  capabilities: ReadonlySet<string>,
  architecture: string,
): object {
  const admin = capabilities.has('CAP_SYS_ADMIN');
  const refused = (name: string) =>
    never.has(name) || (!admin && (administration.has(name) || name === 'clone' || name === 'clone3'));
  const rules = profile.syscalls
    .filter((rule) => applies(rule, capabilities, architecture))
    .map(({ names, action, args, errnoRet }) => ({
      names: action === 'SCMP_ACT_ALLOW' ? names.filter((name) => !refused(name)) : names,
      action,
      ...(args?.length && { args }),
      ...(errnoRet !== undefined && { errnoRet }),
    }))
    .filter(({ names }) => names.length > 0);
  if (!admin) {
    rules.push({
      names: ['clone'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    });
    // glibc falls back to clone, whose flags a filter can see.
    rules.push({ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS });
  }
  const arch = profile.archMap?.find(
    (entry) => entry.architecture === { amd64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' }[architecture],
  );
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    ...(arch && { architectures: [arch.architecture, ...(arch.subArchitectures ?? [])] }),
    syscalls: rules,
  };
}

function applies(rule: ProfileRule, capabilities: ReadonlySet<string>, architecture: string): boolean {
  const { includes, excludes } = rule;
  if (includes?.arches?.length && !includes.arches.includes(architecture)) return false;
  if (includes?.caps?.length && !includes.caps.every((name) => capabilities.has(name))) return false;
  if (excludes?.arches?.includes(architecture)) return false;
  return !excludes?.caps?.some((name) => capabilities.has(name));
}
