import { StrataError } from '../../errors/index.ts';
import type { ActiveSnapshot } from '../../snapshot/index.ts';
import { digestOf, stepKey } from '../cache/keys.ts';
import type { CopyLook, Owner, Selection } from '../files/jobs.ts';
import type { Op, Outcome, Work } from '../solver/vertex.ts';
import { type RootValue, rootOf, type Value } from '../value.ts';
import { writeInlineTree } from './inline-files.ts';
import { resolveOwner } from './owner.ts';
import {
  baseOf,
  found,
  keepResult,
  recordResult,
  type StepIdentity,
  targetLayers,
  tellMiss,
  withActive,
} from './root-step.ts';
import { withSource } from './sources.ts';
import { unpackMatches } from './unpack.ts';
import type { Workshop } from './workshop.ts';

/** One source of a COPY or ADD. */
export interface CopyAction {
  /** Position among the op's inputs; 0 is the root that is copied to. Absent for `inline`. */
  readonly input?: number;
  readonly inline?: { readonly name: string; readonly data: string };
  readonly selection: Selection;
  /** Copy what is in a folder, not the folder. */
  readonly contentsOnly: boolean;
  /** Archives are taken apart. */
  readonly unpack: boolean;
}

export interface CopySpec {
  readonly actions: readonly CopyAction[];
  /** Absolute; a slash at the end says that it is a folder. */
  readonly dest: string;
  /** `user[:group]` as given. */
  readonly chown?: string;
  readonly mode?: number;
  readonly modeWords?: string;
  readonly epoch?: number;
}

export interface CopyOptions {
  /** `--link`: the layer of an earlier copy is put on another base where it fits. */
  readonly link?: boolean;
}

export type CopyIdentity = Omit<StepIdentity, 'definition' | 'type'> & { readonly type?: StepIdentity['type'] };

interface Content {
  readonly digest: string;
  readonly manifest: string | null;
}

/** COPY and ADD: found by what the selected files hold, whatever stage or context they come from. */
export function copyOp(
  shop: Workshop,
  spec: CopySpec,
  identity: CopyIdentity,
  { link = false }: CopyOptions = {},
): Op<Value> {
  const step: StepIdentity = { type: 'regular', ...identity, definition: digestOf(['copy', spec]) };
  /** Digests found by `lookup`, for `run`: one op belongs to one build. */
  let content: Content | undefined;

  const fastKey = (inputs: readonly Value[]): string | undefined =>
    inputs.every((input) => input.id !== undefined) ? digestOf(['fast', step.definition, baseOf(inputs)]) : undefined;

  return {
    waits: false,
    key(inputs) {
      if (step.noCache || !content) return null;
      return stepKey(step.definition, rootOf(inputs[0]).id, content.digest);
    },
    async lookup(inputs, work) {
      if (step.noCache) return undefined;
      const base = baseOf(inputs.slice(0, 1));
      const fast = fastKey(inputs);
      const quick = fast && shop.records.findName(fast);
      if (quick) return found(quick);
      // What a stage holds that is absent cannot be looked at.
      if (inputs.some((input, index) => index > 0 && input.kind === 'absent')) return undefined;
      // Another build copies to the same base just now: what it makes may be what is wanted here.
      await settled(shop.copying.get(`${step.definition} ${base}`), work.signal);
      // Nothing recorded on this base: it is a miss whatever the files hold, so they need to be read only once.
      const mayFit = link && shop.records.knowsDefinition(step.definition);
      if (!shop.records.knows(step.definition, base) && !mayFit) return undefined;
      content = await scanAll(shop, spec, inputs, work);
      const hit = shop.records.findName(stepKey(step.definition, base, content.digest));
      const known = hit ?? (mayFit ? await graftEarlier(shop, spec, step, inputs, content, work) : undefined);
      if (!known) return undefined;
      if (fast && known.kind === 'root') shop.records.alias(fast, known.id);
      return found(known);
    },
    async run(inputs, work): Promise<Outcome<Value>> {
      const parent = rootOf(inputs[0]);
      const make = () => runCopy(shop, spec, step, inputs, content, { fast: fastKey(inputs), link }, work);
      if (content || step.noCache) return found(await make());
      const place = `${step.definition} ${parent.id}`;
      const making = make();
      shop.copying.set(place, making);
      try {
        return found(await making);
      } finally {
        if (shop.copying.get(place) === making) shop.copying.delete(place);
      }
    },
  };
}

/** Under this key lies the latest copy of these contents, whatever base it was made on. */
function linkKey({ definition }: StepIdentity, { digest }: Content): string {
  return digestOf(['link', definition, digest]);
}

/** Puts the layer of an earlier copy of the same files on this base, when that is what a copy would make. */
async function graftEarlier(
  shop: Workshop,
  spec: CopySpec,
  step: StepIdentity,
  inputs: readonly Value[],
  content: Content,
  work: Work,
): Promise<RootValue | undefined> {
  const { snapshots, records, files } = shop;
  const parent = inputs[0];
  if (parent?.kind !== 'root') return undefined;
  const earlier = records.find(linkKey(step, content));
  // What a name means, and what an archive covers, is up to the base.
  const isPlain = !spec.actions.some(({ unpack }) => unpack) && /^\d*(:\d*)?$/.test(spec.chown ?? '');
  if (!earlier?.snapshot || parent.snapshot === null || !isPlain || spec.mode !== undefined) return undefined;
  const layer = snapshots.stat(earlier.snapshot)!.diffDir;
  const lowers = snapshots
    .stack(parent.snapshot)
    .map(({ diffDir }) => diffDir)
    .reverse();
  const [uid = '', gid = uid] = (spec.chown ?? '').split(':');
  const look = lookOf(spec, spec.chown === undefined ? undefined : { uid: Number(uid), gid: Number(gid) });
  if (!(await files.run({ kind: 'fits', layer, lowers, dest: spec.dest, look }, work))) return undefined;
  const { name } = await snapshots.graft(earlier.snapshot, parent.snapshot);
  const parents = inputs.flatMap((input) => (input.kind === 'root' ? [input.id] : []));
  const made = { base: parent.id, content: content.digest, manifest: content.manifest, parents };
  return { ...recordResult(shop, step, name, made), fresh: false };
}

async function settled(other: Promise<unknown> | undefined, signal: AbortSignal): Promise<void> {
  if (!other) return;
  const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([other.then(noop, noop), gone]);
  signal.throwIfAborted();
}

function noop(): void {}

function lookOf(spec: CopySpec, chown?: Owner): CopyLook {
  return {
    ...(chown && { chown }),
    ...(spec.mode !== undefined && { mode: spec.mode }),
    ...(spec.modeWords !== undefined && { modeWords: spec.modeWords }),
  };
}

/** With `--chown` the owners in the source do not matter; who the name is, the base decides. */
function scanLook(spec: CopySpec): CopyLook {
  return lookOf(spec, spec.chown === undefined ? undefined : { uid: 0, gid: 0 });
}

async function scanAll(shop: Workshop, spec: CopySpec, inputs: readonly Value[], work: Work): Promise<Content> {
  const reports: { digest: string; manifest?: Readonly<Record<string, string>> }[] = [];
  for (const action of spec.actions) {
    if (action.input === undefined) continue;
    const scan = withSource(shop, inputs[action.input]!, (source) =>
      shop.files.run({ kind: 'scan', source, selection: action.selection, look: scanLook(spec) }, work),
    );
    reports.push(await missingSource(scan, inputs[action.input]!));
  }
  return combine(reports);
}

function combine(reports: readonly { digest: string; manifest?: Readonly<Record<string, string>> }[]): Content {
  const manifests = reports.map((report) => report.manifest);
  const all = manifests.every((manifest) => manifest !== undefined);
  return {
    digest: digestOf(reports.map((report) => report.digest)),
    manifest: all ? JSON.stringify(Object.assign({}, ...manifests)) : null,
  };
}

/** BuildKit's words for a source that is not there. */
async function missingSource<T>(work: Promise<T>, source: Value): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof StrataError) || error.code !== 'source_not_found') throw error;
    const ref = source.kind === 'tree' ? source.label : source.id.slice(0, 25);
    throw new StrataError(
      'not_found',
      `failed to compute cache key: failed to calculate checksum of ref ${ref}: ${error.message}`,
      { code: 'source_not_found', cause: error },
    );
  }
}

async function runCopy(
  shop: Workshop,
  spec: CopySpec,
  step: StepIdentity,
  inputs: readonly Value[],
  known: Content | undefined,
  { fast, link }: { readonly fast: string | undefined; readonly link: boolean },
  work: Work,
): Promise<RootValue> {
  const parent = rootOf(inputs[0]);
  const parentRan = parent.fresh;
  // Archives are taken apart by another room, which does not digest them on the way.
  const needsScan = !known && spec.actions.some((action) => action.unpack);
  const scanned = known ?? (needsScan ? await scanAll(shop, spec, inputs, work) : undefined);
  tellMiss(
    shop,
    step,
    { base: parent.id, parentRan, content: scanned?.digest ?? '', manifest: scanned?.manifest ?? null },
    work,
  );
  return withActive(shop, parent, async (active) => {
    const content = await copyAll(shop, spec, inputs, active, scanned, work);
    work.signal.throwIfAborted();
    return keepResult(shop, step, active, {
      base: parent.id,
      content: content.digest,
      manifest: content.manifest,
      aliases: [...(fast && !step.noCache ? [fast] : []), ...(link ? [linkKey(step, content)] : [])],
      parents: inputs.flatMap((input) => (input.kind === 'root' ? [input.id] : [])),
    });
  });
}

async function copyAll(
  shop: Workshop,
  spec: CopySpec,
  inputs: readonly Value[],
  active: ActiveSnapshot,
  known: Content | undefined,
  work: Work,
): Promise<Content> {
  const layers = targetLayers(shop, active);
  const chown = spec.chown === undefined ? undefined : await resolveOwner(shop, spec.chown, layers, work);
  const look = lookOf(spec, chown);
  const reports: { digest: string; manifest?: Readonly<Record<string, string>> }[] = [];
  for (const action of spec.actions) {
    const target = { ...layers, path: spec.dest, contentsOnly: action.contentsOnly };
    const epoch = spec.epoch === undefined ? {} : { epoch: spec.epoch };
    if (action.inline) {
      await writeInlineTree(shop, action.inline, (source) =>
        shop.files.run(
          { kind: 'copy', source, selection: action.selection, look, target, digest: false, ...epoch },
          work,
        ),
      );
      continue;
    }
    const input = inputs[action.input!]!;
    const copy = withSource(shop, input, async (source) =>
      action.unpack
        ? unpackMatches(shop, active, { source, selection: action.selection, look, target, ...epoch }, work)
        : shop.files.run(
            { kind: 'copy', source, selection: action.selection, look, target, digest: !known, ...epoch },
            work,
          ),
    );
    reports.push(await missingSource(copy, input));
  }
  return known ?? combine(reports);
}
