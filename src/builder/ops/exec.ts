import { StringDecoder } from 'node:string_decoder';
import { type ResolvedUser, resolveUser } from '../../account/index.ts';
import { StrataError } from '../../errors/index.ts';
import { formatPlatform, hostPlatform, type Platform, platformMatches } from '../../oci/index.ts';
import type { StepLimits } from '../../runtime/index.ts';
import type { ActiveSnapshot } from '../../snapshot/index.ts';
import { digestOf, stepKey } from '../cache/keys.ts';
import type { BoundedWork, Op, Outcome, Work } from '../solver/vertex.ts';
import { rootOf, type Value } from '../value.ts';
import { ExecMounts } from './exec-mounts.ts';
import type { ExecSecrets, ExecSpec } from './exec-spec.ts';
import { FailedStep, type KeptRoot } from './failed-step.ts';
import { baseOf, found, keepResult, type Made, type StepIdentity, tellMiss, withMount } from './root-step.ts';
import { withSource } from './sources.ts';
import type { Workshop } from './workshop.ts';

export interface ExecOptions {
  readonly secrets: ExecSecrets;
  /** Takes what a failed step leaves; absent: it is thrown away. */
  readonly keep?: (kept: KeptRoot) => void;
  /** The platform that the step is for. */
  readonly platform: Platform;
  readonly limits?: StepLimits;
}

/** RUN. Its inputs are the root that it runs in and the roots that it mounts. */
export function execOp(
  shop: Workshop,
  spec: ExecSpec,
  identity: Omit<StepIdentity, 'definition' | 'type'>,
  options: ExecOptions,
): Op<Value> {
  const step: StepIdentity = { ...identity, type: 'regular', definition: digestOf(['exec', spec]) };
  const bound = [...new Set(spec.mounts.flatMap((mount) => (mount.type === 'bind' ? [mount.input] : [])))];
  /** The inputs that count by what they are; of those that are only mounted, what they hold there counts. */
  const basesOf = (inputs: readonly Value[]) => baseOf(inputs.filter((_, index) => !bound.includes(index)));
  const fastKey = (inputs: readonly Value[]) => stepKey(step.definition, baseOf(inputs), '');
  const keyOf = (inputs: readonly Value[], content: string) => stepKey(step.definition, basesOf(inputs), content);
  return {
    waits: true,
    key: (inputs) => (step.noCache || options.keep ? null : fastKey(inputs)),
    async lookup(inputs, work) {
      const quick = step.noCache ? undefined : shop.records.findName(fastKey(inputs));
      if (quick) return found(quick);
      if (step.noCache || bound.length === 0 || bound.some((index) => inputs[index]?.kind === 'absent'))
        return undefined;
      if (!shop.records.knows(step.definition, basesOf(inputs))) return undefined;
      const content = await contentOf(shop, spec, inputs, work).catch(() => undefined);
      const hit = content === undefined ? undefined : shop.records.findName(keyOf(inputs, content));
      if (hit?.kind === 'root') shop.records.alias(fastKey(inputs), hit.id);
      return hit && found(hit);
    },
    async run(inputs, work): Promise<Outcome<Value>> {
      // Another build may have finished it meanwhile.
      const hit = step.noCache ? undefined : shop.records.find(fastKey(inputs));
      if (hit) return found(hit);
      if (bound.length === 0) return runStep(shop, spec, step, inputs, { base: baseOf(inputs) }, options, work);
      // Whoever mounts what is not there is told so by the mount.
      const content = await contentOf(shop, spec, inputs, work).catch(() => undefined);
      work.signal.throwIfAborted();
      const key = content === undefined ? { base: baseOf(inputs) } : { base: basesOf(inputs), content };
      return runStep(
        shop,
        spec,
        step,
        inputs,
        { ...key, aliases: step.noCache ? [] : [fastKey(inputs)] },
        options,
        work,
      );
    },
  };
}

/** What the step finds where it mounts the files of others. */
async function contentOf(shop: Workshop, spec: ExecSpec, inputs: readonly Value[], work: Work): Promise<string> {
  const digests: string[] = [];
  for (const mount of spec.mounts) {
    if (mount.type !== 'bind') continue;
    const selection = { path: mount.source, wildcards: false, follow: true };
    const scan = withSource(shop, inputs[mount.input]!, (source) =>
      shop.files.run({ kind: 'scan', source, selection, look: {} }, work),
    );
    digests.push((await scan).digest);
  }
  return digestOf(digests);
}

async function runStep(
  shop: Workshop,
  spec: ExecSpec,
  step: StepIdentity,
  inputs: readonly Value[],
  key: Pick<Made, 'base' | 'content' | 'aliases'>,
  options: ExecOptions,
  work: BoundedWork,
): Promise<Outcome<Value>> {
  const parent = rootOf(inputs[0]);
  const active = await shop.snapshots.prepare(parent.snapshot);
  const mounts = new ExecMounts(shop, work);
  let isTaken = false;
  let areKept = false;
  try {
    await mounts.open(spec.mounts, inputs, options.secrets);
    const run = await work.turn(() => {
      const parentRan = inputs.some((input) => input.kind === 'root' && input.fresh);
      tellMiss(shop, step, { base: key.base, content: key.content ?? '', parentRan }, work);
      return execute(shop, spec, { active, mounts }, options, work);
    });
    if (run.exitCode !== 0) {
      let kept: KeptRoot | undefined;
      if (options.keep) {
        kept = await keepRoot(shop, spec, { active, mounts }, options);
        isTaken = true;
        areKept = true;
        options.keep(kept);
      }
      throw failure(spec, run, options.platform, kept);
    }
    const parents = inputs.flatMap((input) => (input.kind === 'root' ? [input.id] : []));
    const result = await keepResult(shop, step, active, { ...key, parents });
    isTaken = true;
    return { ...found(result), container: run.containerID };
  } finally {
    if (!areKept) await mounts.close();
    if (!isTaken) await shop.snapshots.discard(active.key);
  }
}

interface Place {
  readonly active: ActiveSnapshot;
  readonly mounts: ExecMounts;
}

async function keepRoot(
  { snapshots, kept }: Workshop,
  { network, insecure, extraHosts, shmSize, ulimits = [] }: ExecSpec,
  { active, mounts }: Place,
  { secrets, limits }: ExecOptions,
): Promise<KeptRoot> {
  const secretEnv = await mounts.writeEnv([...secrets.proxy, ...mounts.env]);
  const { name: snapshot } = await snapshots.commit(active);
  kept.add(snapshot);
  return {
    snapshot,
    mounts: mounts.mounts,
    secretEnv,
    network,
    insecure,
    extraHosts,
    shmSize,
    ulimits,
    ...(limits && { limits }),
    async release() {
      await mounts.close();
      kept.delete(snapshot);
      if (snapshots.stat(snapshot)) await snapshots.remove(snapshot);
    },
  };
}

interface Run {
  readonly exitCode: number;
  readonly containerID: string;
  readonly oomKilled: boolean;
  readonly output: readonly string[];
}

async function execute(
  shop: Workshop,
  spec: ExecSpec,
  { active, mounts }: Place,
  { secrets, limits }: ExecOptions,
  work: Work,
): Promise<Run> {
  const tail = new Tail();
  const stdout = lines(shop, work, 'stdout', tail);
  const stderr = lines(shop, work, 'stderr', tail);
  try {
    return await withMount(shop, active, async (root) => {
      const user = userOf(root, spec);
      const env = withHome([...spec.env, ...secrets.proxy, ...mounts.env], user.home);
      const { args, cwd, network, insecure, hostname, extraHosts, shmSize, ulimits, cgroupParent } = spec;
      const ended = await shop.executor.run(
        {
          root,
          args,
          env,
          cwd,
          user,
          mounts: mounts.mounts,
          network,
          insecure,
          hostname: hostname ?? 'buildkitsandbox',
          extraHosts,
          ...(shmSize !== undefined && { shmSize }),
          ...(ulimits && { ulimits }),
          ...(cgroupParent !== undefined && { cgroupParent }),
          ...(limits && { limits }),
        },
        { stdout: stdout.write, stderr: stderr.write, signal: work.signal },
      );
      work.signal.throwIfAborted();
      return { ...ended, oomKilled: ended.oomKilled ?? false, output: tail.lines() };
    });
  } finally {
    stdout.end();
    stderr.end();
  }
}

function userOf(root: string, { user, args }: ExecSpec): ResolvedUser {
  try {
    return resolveUser(root, user);
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    const { kind, code, hint, message } = error;
    throw new StrataError(kind, `process ${JSON.stringify(args.join(' '))} did not complete successfully: ${message}`, {
      code,
      cause: error,
      ...(hint !== undefined && { hint }),
    });
  }
}

function withHome(env: readonly string[], home: string): string[] {
  return env.some((line) => line.startsWith('HOME=')) ? [...env] : [`HOME=${home}`, ...env];
}

function failure(
  { args, env, cwd, user }: ExecSpec,
  { exitCode, oomKilled, output }: Run,
  platform: Platform,
  kept: KeptRoot | undefined,
): StrataError {
  const what = `process ${JSON.stringify(args.join(' '))} did not complete successfully: exit code: ${exitCode}`;
  const hint = oomKilled ? 'the step was killed because it used more memory than there is' : foreign(output, platform);
  return new StrataError('failed_precondition', oomKilled ? `${what}: cannot allocate memory` : what, {
    code: 'step_failed',
    exitCode,
    cause: new FailedStep({ kept, args, env, cwd, user, exitCode, output }),
    ...(hint !== undefined && { hint }),
  });
}

/** What is to be done about a program that this machine cannot run. */
function foreign(output: readonly string[], platform: Platform): string | undefined {
  if (!output.slice(-5).some((line) => /exec format error/i.test(line))) return undefined;
  if (platformMatches(hostPlatform(), platform))
    return 'the program is neither a script with #! nor made for this machine';
  return `this machine cannot run programs of ${formatPlatform(platform)}: register an emulator with binfmt_misc (Debian: apt-get install qemu-user-static binfmt-support)`;
}

/** The last lines that a step wrote, whatever it wrote. */
class Tail {
  readonly #lines: string[] = [];
  #rest = '';

  add(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop()!.slice(-4096);
    this.#lines.push(...parts);
    if (this.#lines.length > 50) this.#lines.splice(0, this.#lines.length - 50);
  }

  lines(): string[] {
    return [...this.#lines, ...(this.#rest === '' ? [] : [this.#rest])].slice(-50);
  }
}

/** Bytes to log events: characters are never cut in two. */
function lines(shop: Workshop, work: Work, stream: 'stdout' | 'stderr', tail: Tail) {
  const decoder = new StringDecoder('utf8');
  const tell = (text: string) => {
    if (text === '') return;
    tail.add(text);
    work.emit({ type: 'log', stream, at: shop.now(), text });
  };
  return {
    write: (chunk: Uint8Array) => tell(decoder.write(chunk)),
    end: () => tell(decoder.end()),
  };
}
