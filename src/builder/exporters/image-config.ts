import type { DiffID, HistoryEntry, ImageConfig, RuntimeConfig } from '../../oci/index.ts';
import type { ImageDraft } from '../frontend/image-draft.ts';

export interface LayerFact {
  readonly diffID: DiffID;
  /** Unix milliseconds of when the layer was made. */
  readonly createdAt: number;
}

/** The finished configuration: the draft with its layers, and every time in its history filled in. */
export function finishConfig(
  draft: ImageDraft,
  layers: readonly LayerFact[],
  options: { readonly labels: Readonly<Record<string, string>>; readonly epoch: number | undefined },
): ImageConfig {
  const history = datedHistory(draft.history, layers, options.epoch);
  const created = history.findLast((entry) => entry.created !== undefined)?.created;
  return {
    architecture: draft.architecture,
    ...(draft.author !== undefined && { author: draft.author }),
    config: cleanConfig(draft.config, options.labels),
    ...(created !== undefined && { created }),
    history,
    os: draft.os,
    ...(draft.osVersion !== undefined && { 'os.version': draft.osVersion }),
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffID }) => diffID) },
    ...(draft.variant !== undefined && { variant: draft.variant }),
  };
}

/** In the order of Docker's own structure, empty values left out, so that equal images have equal bytes. */
function cleanConfig(config: RuntimeConfig, labels: Readonly<Record<string, string>>): RuntimeConfig {
  const all: RuntimeConfig = { ...config, Labels: sorted({ ...config.Labels, ...labels }) };
  const order = [
    'User',
    'ExposedPorts',
    'Env',
    'Entrypoint',
    'Cmd',
    'Volumes',
    'WorkingDir',
    'Labels',
    'StopSignal',
    'ArgsEscaped',
    'Healthcheck',
    'OnBuild',
    'StopTimeout',
    'Shell',
  ] as const;
  const out: Record<string, unknown> = {};
  for (const name of order) {
    const value = all[name];
    if (isEmpty(value)) continue;
    out[name] = name === 'ExposedPorts' || name === 'Volumes' ? sorted(value as Record<string, unknown>) : value;
  }
  return out as RuntimeConfig;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/**
 * Gives layers without a time that of their making, and entries without a layer the time of the first new layer, or of
 * what stands before them, as BuildKit does: an image made of cached steps is the same image again.
 */
function datedHistory(
  drafts: readonly HistoryEntry[],
  layers: readonly LayerFact[],
  epoch: number | undefined,
): HistoryEntry[] {
  const history = complete(drafts, layers);
  let layer = 0;
  const dated = history.map((entry): HistoryEntry => {
    if (entry.empty_layer) return entry;
    const fact = layers[layer++];
    return entry.created !== undefined || !fact ? entry : { ...entry, created: timeOf(fact.createdAt) };
  });
  const firstWithout = dated.findIndex((entry) => entry.created === undefined);
  const after = firstWithout < 0 ? undefined : dated.slice(firstWithout).find((entry) => entry.created !== undefined);
  let created = (after ?? dated.findLast((entry) => entry.created !== undefined))?.created;
  let begun = false;
  const filled = dated.map((entry): HistoryEntry => {
    if (entry.created !== undefined) {
      if (begun) created = entry.created;
      return entry;
    }
    begun = true;
    return created === undefined ? entry : { ...entry, created };
  });
  return filled.map((entry) => ordered(clamped(entry, epoch)));
}

/** Layers that the history does not know are named at its end; entries that have no layer become empty ones. */
function complete(drafts: readonly HistoryEntry[], layers: readonly LayerFact[]): HistoryEntry[] {
  const known = drafts.filter((entry) => !entry.empty_layer).length;
  if (known < layers.length) {
    const missing = layers.slice(known).map(({ createdAt }) => ({
      created: timeOf(createdAt),
      comment: 'buildkit.exporter.image.v0',
    }));
    return [...drafts, ...missing];
  }
  let surplus = known - layers.length;
  return drafts.map((entry) => (entry.empty_layer || surplus-- <= 0 ? entry : { ...entry, empty_layer: true }));
}

function clamped(entry: HistoryEntry, epoch: number | undefined): HistoryEntry {
  if (epoch === undefined || (entry.created !== undefined && Date.parse(entry.created) <= epoch * 1000)) return entry;
  return { ...entry, created: timeOf(epoch * 1000) };
}

function ordered({ created, created_by, author, comment, empty_layer }: HistoryEntry): HistoryEntry {
  return {
    ...(created !== undefined && { created }),
    ...(created_by !== undefined && { created_by }),
    ...(author !== undefined && { author }),
    ...(comment !== undefined && { comment }),
    ...(empty_layer && { empty_layer }),
  };
}

/** RFC 3339, without needless zeros. */
function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.?0*Z$/, 'Z');
}
