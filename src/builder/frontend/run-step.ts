import {
  inlineScriptDirectory,
  type RunInstruction,
  type RunMount,
  runArguments,
  runCommand,
} from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';
import { execOp } from '../ops/exec.ts';
import type { ExecMount, ExecSpec, SecretOwner } from '../ops/exec-spec.ts';
import type { Identity } from '../ops/root-step.ts';
import type { Op } from '../solver/vertex.ts';
import type { Value } from '../value.ts';
import { contextRoot, placed } from './context-root.ts';
import { parseExtraHosts } from './extra-hosts.ts';
import { joinPath, sourcePath } from './paths.ts';
import type { BuildVertex } from './plan.ts';
import type { StageSources } from './stage-sources.ts';
import type { StageState } from './stage-state.ts';

/** RUN as an operation and the roots that it works on. */
export async function runStep(
  around: StageSources,
  state: StageState,
  instruction: RunInstruction,
  identity: Identity,
): Promise<{ op: Op<Value>; inputs: BuildVertex[] }> {
  const { shop, request, secrets, given, keep, renewed } = around.settings;
  const inputs: BuildVertex[] = [state.vertex];
  const mounts: ExecMount[] = [];
  const script = runCommand(instruction).file;
  if (script) mounts.push({ type: 'script', target: inlineScriptDirectory, ...script });
  for (const [index, mount] of (instruction.mounts ?? []).entries()) {
    mounts.push(await execMount(around, state, instruction, mount, index, inputs));
  }
  // As with Docker, what begins anew finds nothing that it left behind.
  if (identity.noCache) for (const mount of mounts) if (mount.type === 'cache') renewed.add(mount.id);
  refuseDevices(instruction);
  if (!instruction.shell && instruction.args.length === 0) {
    throw new StrataError('invalid_argument', 'failed to marshal LLB definition: arguments are required', {
      hint: 'RUN [] names no program',
    });
  }
  const hostname = given['BUILDKIT_SANDBOX_HOSTNAME'];
  const spec: ExecSpec = {
    args: runArguments(instruction, state.shell),
    env: state.scope.lines(),
    cwd: state.workdir,
    user: state.draft.config.User ?? '',
    mounts,
    network: networkOf(instruction, request.network, request.allow ?? []),
    insecure: securityOf(instruction, request.allow ?? []),
    ...(hostname !== undefined && { hostname }),
    extraHosts: parseExtraHosts(request.extraHosts ?? []),
    ...(request.shmSize !== undefined && { shmSize: request.shmSize }),
    ...(request.ulimits && { ulimits: request.ulimits }),
    ...(request.cgroupParent !== undefined && { cgroupParent: request.cgroupParent }),
  };
  const { platform } = state;
  const { limits } = request;
  return {
    op: execOp(shop, spec, identity, { secrets, platform, ...(limits && { limits }), ...(keep && { keep }) }),
    inputs,
  };
}

function networkOf(
  { network }: RunInstruction,
  wanted: string | undefined,
  allow: readonly string[],
): ExecSpec['network'] {
  if (network === 'host' && !allow.includes('network.host') && wanted !== 'host') {
    throw new StrataError('permission_denied', 'failed to load LLB: network.host is not allowed', {
      code: 'not_entitled',
      hint: 'allow it with --allow network.host',
    });
  }
  if (network !== 'default') return network;
  if (wanted === undefined || wanted === '' || wanted === 'default' || wanted === 'bridge') return 'bridge';
  if (wanted === 'none' || wanted === 'host') return wanted;
  throw new StrataError('invalid_argument', `network mode ${JSON.stringify(wanted)} not supported by buildkit`, {
    hint: 'a build runs on the network default, none or host',
  });
}

/** A device that is not required may be missing, and no device is offered to steps. */
function refuseDevices({ devices }: RunInstruction): void {
  const required = devices.find((device) => device.required);
  if (!required) return;
  throw new StrataError('failed_precondition', `required device ${JSON.stringify(required.name)} is not registered`, {
    code: 'no_device',
    hint: 'steps of a build get no devices here',
  });
}

function securityOf({ security, location }: RunInstruction, allow: readonly string[]): boolean {
  if (security !== 'insecure') return false;
  if (allow.includes('security.insecure')) return true;
  // The reference's frontend does not know the flag at all.
  const { line } = location;
  throw new StrataError('permission_denied', `dockerfile parse error on line ${line}: unknown flag: --security`, {
    code: 'not_entitled',
    hint: 'a step with all privileges needs --allow security.insecure',
  });
}

async function execMount(
  around: StageSources,
  state: StageState,
  instruction: RunInstruction,
  mount: RunMount,
  index: number,
  inputs: BuildVertex[],
): Promise<ExecMount> {
  switch (mount.type) {
    case 'bind':
      return bindMount(around, state, instruction, mount, inputs);
    case 'cache':
      return cacheMount(around, state, mount, inputs);
    case 'tmpfs':
      return { type: 'tmpfs', target: targetOf(state, mount), ...(mount.sizeLimit && { size: mount.sizeLimit }) };
    case 'secret':
      return secretMount(state, mount);
    case 'ssh': {
      const target = mount.target ?? `/run/buildkit/ssh_agent.${index}`;
      const { id = 'default', required } = mount;
      return { type: 'ssh', id, target: joinPath(state.workdir, target), required, owner: ownerOf(mount, 0o600) };
    }
  }
}

function secretMount(state: StageState, mount: RunMount): ExecMount {
  const id =
    mount.id ?? (mount.source === undefined ? undefined : baseName(mount.source)) ?? baseName(mount.target ?? '');
  if (id === '')
    throw new StrataError('invalid_argument', "one of source, target, or id must be specified for mount type 'secret'");
  const target = mount.target ?? (mount.env === undefined ? `/run/secrets/${baseName(id)}` : undefined);
  return {
    type: 'secret',
    id,
    ...(target !== undefined && { target: joinPath(state.workdir, target) }),
    ...(mount.env !== undefined && { env: mount.env }),
    required: mount.required,
    owner: ownerOf(mount, 0o400),
  };
}

function baseName(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) ?? '';
}

function ownerOf({ uid = 0, gid = 0, mode }: RunMount, defaultMode: number): SecretOwner {
  return { uid, gid, mode: mode ?? defaultMode };
}

function targetOf(state: StageState, mount: RunMount): string {
  const target = joinPath(state.workdir, mount.target ?? '');
  if (target === '/') throw new StrataError('invalid_argument', `invalid mount target ${JSON.stringify(target)}`);
  return target;
}

async function bindMount(
  around: StageSources,
  state: StageState,
  instruction: RunInstruction,
  mount: RunMount,
  inputs: BuildVertex[],
): Promise<ExecMount> {
  const target = targetOf(state, mount);
  const source = sourcePath(mount.source ?? '/');
  const from = mount.from === undefined ? around.settings.context() : await around.mountSource(mount.from);
  if (mount.from === undefined) {
    around.contextReads.push(source);
    around.contextPaths.push({ path: source, range: instruction.location });
  }
  const isTree = mount.from === undefined || from.event.kind === 'internal';
  const vertex = isTree ? contextRoot(around, from, source, placed) : from;
  const input = inputs.push(vertex) - 1;
  return { type: 'bind', input, source: isTree ? placed : source, target, readonly: mount.readOnly };
}

async function cacheMount(
  around: StageSources,
  state: StageState,
  mount: RunMount,
  inputs: BuildVertex[],
): Promise<ExecMount> {
  const target = targetOf(state, mount);
  const namespace = around.settings.given['BUILDKIT_CACHE_MOUNT_NS'] ?? '';
  const from = mount.from === undefined ? undefined : await around.mountSource(mount.from);
  const source = sourcePath(mount.source ?? '/');
  const isTree = from?.event.kind === 'internal';
  const input = from && inputs.push(isTree ? contextRoot(around, from, source, placed) : from) - 1;
  const owned = mount.uid !== undefined || mount.gid !== undefined;
  return {
    type: 'cache',
    id: `${namespace}/${mount.id ?? joinPath('/', mount.target ?? '')}`,
    sharing: mount.sharing ?? 'shared',
    target,
    readonly: mount.readOnly,
    source: isTree ? placed : source,
    ...(input !== undefined && { input }),
    ...(owned && { owner: { uid: mount.uid ?? 0, gid: mount.gid ?? 0 } }),
    ...(mount.mode !== undefined && { mode: mount.mode }),
  };
}
