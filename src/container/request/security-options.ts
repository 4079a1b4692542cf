import { StrataError } from '../../errors/index.ts';
import { parseBool } from '../../oci/index.ts';
import { defaultProfile, parseProfile, type SeccompProfile } from '../../runtime/index.ts';
import type { HostConfig } from '../types.ts';

type SecurityHost = Pick<HostConfig, 'SecurityOpt' | 'Privileged'>;

export interface SecurityOptions {
  /** undefined: unconfined. */
  readonly seccomp: SeccompProfile | undefined;
  readonly noNewPrivileges: boolean;
  /** Whether the container may change its own cgroups. */
  readonly writableCgroups: boolean;
  /** Options that this host cannot honour, in words for the user. */
  readonly warnings: readonly string[];
}

/**
 * `--security-opt`: `seccomp=unconfined|builtin|{profile}`, `no-new-privileges[=bool]`, `writable-cgroups=bool`,
 * `apparmor=…`, `label=…`. What is asked for by name holds for a privileged container, too.
 */
export function securityOf({ SecurityOpt: options, Privileged: privileged = false }: SecurityHost): SecurityOptions {
  let seccomp: SeccompProfile | undefined = privileged ? undefined : defaultProfile;
  let noNewPrivileges = false;
  let writableCgroups = privileged;
  const warnings: string[] = [];
  for (const option of options ?? []) {
    const at = option.search(/[=:]/);
    const [key, value] = at < 0 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)];
    if (option === 'no-new-privileges') noNewPrivileges = true;
    else if (key === 'no-new-privileges' && parseBool(value) !== undefined) noNewPrivileges = parseBool(value)!;
    else if (key === 'seccomp') seccomp = seccompOf(value);
    else if (key === 'writable-cgroups' && parseBool(value) !== undefined) writableCgroups = parseBool(value)!;
    else if (key === 'apparmor' || key === 'label')
      warnings.push(...(value === 'disable' || value === 'unconfined' ? [] : [`security option ${key} has no effect`]));
    else
      throw new StrataError(
        'invalid_argument',
        `invalid --security-opt ${at < 0 ? '1' : '2'}: ${JSON.stringify(option)}`,
        {
          code: 'invalid_security_option',
        },
      );
  }
  return { seccomp, noNewPrivileges, writableCgroups, warnings };
}

function seccompOf(value: string): SeccompProfile | undefined {
  if (value === 'unconfined') return undefined;
  return value === 'builtin' || value === '' ? defaultProfile : parseProfile(value);
}
