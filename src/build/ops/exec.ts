import { StringDecoder } from 'node:string_decoder';
import { resolveUser } from '../../account/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { ActiveSnapshot } from '../../snapshot/index.ts';
import { digestOf } from '../cache/keys.ts';
import type { Op, Outcome, Work } from '../solver/vertex.ts';
import { type RootValue, rootOf, type Value } from '../value.ts';
import { ExecMounts } from './exec-mounts.ts';
import type { ExecSecrets, ExecSpec } from './exec-spec.ts';
import { FailedStep } from './failed-step.ts';
import { baseOf, found, keepResult, type StepIdentity, stepKey, tellMiss, withMount } from './root-step.ts';
import type { Workshop } from './workshop.ts';

export interface ExecOptions {
  readonly secrets: ExecSecrets;
  /** Keep the root of a step that failed. */
  readonly keepFailed: boolean;
}

/** RUN. Its inputs are the root that it runs in and the roots that it mounts. */
export function execOp(
  shop: Workshop,
  spec: ExecSpec,
  identity: Omit<StepIdentity, 'definition' | 'type'>,
  options: ExecOptions,
): Op<Value> {
  const step: StepIdentity = { ...identity, type: 'regular', definition: digestOf(['exec', spec]) };
  const keyOf = (inputs: readonly Value[]) => stepKey(step.definition, baseOf(inputs), '');
  return {
    heavy: true,
    key: (inputs) => (step.noCache || options.keepFailed ? null : keyOf(inputs)),
    async lookup(inputs) {
      const hit = step.noCache ? undefined : shop.records.find(keyOf(inputs));
      return hit && found(hit);
    },
    async run(inputs, work): Promise<Outcome<Value>> {
      // Another build may have finished it while this one waited for its turn.
      const hit = step.noCache ? undefined : shop.records.find(keyOf(inputs));
      if (hit) return found(hit);
      const parentRan = inputs.some((input) => input.kind === 'root' && input.fresh);
      tellMiss(shop, step, { base: baseOf(inputs), parentRan }, work);
      return runStep(shop, spec, step, inputs, options, work);
    },
  };
}

async function runStep(
  shop: Workshop,
  spec: ExecSpec,
  step: StepIdentity,
  inputs: readonly Value[],
  options: ExecOptions,
  work: Work,
): Promise<Outcome<Value>> {
  const parent = rootOf(inputs[0]);
  const active = await shop.snapshots.prepare(parent.snapshot);
  let kept = false;
  try {
    const { exitCode, containerID, output, oomKilled } = await execute(shop, spec, active, inputs, options, work);
    if (exitCode !== 0) {
      kept = options.keepFailed;
      throw failure(spec, exitCode, oomKilled, { active, parent, output, kept });
    }
    const parents = inputs.flatMap((input) => (input.kind === 'root' ? [input.id] : []));
    const result = await keepResult(shop, step, active, { base: baseOf(inputs), parents });
    kept = true;
    return { ...found(result), container: containerID };
  } finally {
    if (!kept) await shop.snapshots.discard(active.key);
  }
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
  active: ActiveSnapshot,
  inputs: readonly Value[],
  { secrets }: ExecOptions,
  work: Work,
): Promise<Run> {
  const mounts = new ExecMounts(shop, work);
  const tail = new Tail();
  const stdout = lines(shop, work, 'stdout', tail);
  const stderr = lines(shop, work, 'stderr', tail);
  try {
    await mounts.open(spec.mounts, inputs, secrets);
    return await withMount(shop, active, async (root) => {
      const user = resolveUser(root, spec.user);
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
        },
        { stdout: stdout.write, stderr: stderr.write, signal: work.signal },
      );
      work.signal.throwIfAborted();
      return { ...ended, oomKilled: ended.oomKilled ?? false, output: tail.lines() };
    });
  } finally {
    stdout.end();
    stderr.end();
    await mounts.close();
  }
}

function withHome(env: readonly string[], home: string): string[] {
  return env.some((line) => line.startsWith('HOME=')) ? [...env] : [`HOME=${home}`, ...env];
}

function failure(
  spec: ExecSpec,
  exitCode: number,
  oomKilled: boolean,
  rest: { active: ActiveSnapshot; parent: RootValue; output: readonly string[]; kept: boolean },
): StrataError {
  const { args, env, cwd, user } = spec;
  const what = `process ${JSON.stringify(args.join(' '))} did not complete successfully: exit code: ${exitCode}`;
  const { active, output, kept } = rest;
  return new StrataError('failed_precondition', oomKilled ? `${what}: cannot allocate memory` : what, {
    code: 'step_failed',
    cause: new FailedStep({ active: kept ? active.key : null, args, env, cwd, user, exitCode, output }),
    ...(oomKilled && { hint: 'the step was killed because it used more memory than there is' }),
  });
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
