import { isAbsolute } from 'node:path';
import { resolveUser } from '../../account/index.ts';
import { capabilitySet, consoleSizeOf, processLimits, type RuntimeFacts, relativeFolder } from '../../runtime/index.ts';
import type { ContainerRecord } from '../record.ts';
import { processEnvironment } from '../request/configure.ts';
import { securityOf } from '../request/security-options.ts';
import type { ExecConfig } from '../types.ts';
import type { ExecSetting } from './exec-process.ts';

/** Throws `invalid_argument` for a user whom the container does not know. */
export function checkUser({ config }: ContainerRecord, user: string, root: string): void {
  resolveUser(root, user || config.User || '', []);
}

/** The `process` of an exec (runtime spec config.md "Process"): as the container's own, but for what is asked for. */
export function runtimeExecSpec(
  { config, host, linkVariables: linked = [] }: ContainerRecord,
  exec: ExecConfig,
  root: string,
  facts: RuntimeFacts,
): ExecSetting['spec'] {
  const user = resolveUser(root, exec.User || config.User || '', exec.User ? [] : (host.GroupAdd ?? []));
  const capabilities = capabilitySet({
    privileged: exec.Privileged || host.Privileged || false,
    add: host.CapAdd ?? [],
    drop: host.CapDrop ?? [],
    available: facts.capabilities,
  });
  const held = user.uid === 0 ? capabilities : [];
  const cwd = exec.WorkingDir || config.WorkingDir || '/';
  if (!isAbsolute(cwd)) throw relativeFolder();
  return {
    terminal: exec.Tty ?? false,
    ...(exec.Tty && consoleSizeOf(exec.ConsoleSize)),
    user: { uid: user.uid, gid: user.gid, additionalGids: [...new Set([user.gid, ...user.groups])], umask: 0o22 },
    args: exec.Cmd,
    env: processEnvironment(config, user.home, { linked, exec: { env: exec.Env ?? [], tty: exec.Tty ?? false } }),
    cwd,
    capabilities: { bounding: capabilities, effective: held, permitted: held },
    noNewPrivileges: securityOf(host).noNewPrivileges,
    rlimits: processLimits(host.Ulimits ?? [], facts),
  };
}
