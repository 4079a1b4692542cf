import type { Dockerfile } from '../dockerfile/index.ts';
import { type Digest, sha256 } from '../oci/index.ts';
import type { BuildEvent, Progress } from '../progress/index.ts';
import type { BuildRequest } from '../wire/index.ts';
import type { BuiltStage } from './built.ts';
import { finishConfig } from './exporters/image-config.ts';
import { measuredLayers } from './exporters/store-image.ts';
import type { CompiledStage, StageStep } from './frontend/plan.ts';
import type { Plant } from './plant.ts';
import type { Value } from './value.ts';

/** An image for every step goes with a build that makes one image and no other thing. */
export function wantsStepImages({ stepImages, outputs = [], platforms = [] }: BuildRequest): boolean {
  return stepImages === true && platforms.length <= 1 && outputs.every(({ type }) => type === 'image');
}

type Completed = Extract<BuildEvent, { type: 'completed' }>;

/** What a step left. */
interface StepImage {
  /** Absent where no image can be made of it: an empty root, or layers that are not here. */
  readonly id: Digest | undefined;
  /** It was there before this build. */
  readonly cached: boolean;
}

interface Planned {
  readonly step: StageStep;
  /** The step that it is built on; absent for the FROM of an image. */
  readonly before: string | undefined;
  /** `--no-cache` is for its stage. */
  readonly isFresh: boolean;
  image?: Promise<StepImage>;
  value?: Value;
  held?: Completed;
}

/**
 * Images of single steps. A layer is measured while the next step runs, so that an image can come late: the `completed` event
 * of its step waits for it, and the build does not.
 */
export class StepImages {
  readonly #plant: Plant;
  readonly #request: BuildRequest;
  readonly #tell: Progress<BuildEvent>;
  readonly #steps = new Map<string, Planned>();
  readonly #pending: Promise<void>[] = [];
  #last: string | undefined;
  #lastIsCached = false;
  #epoch: number | undefined;

  constructor(plant: Plant, request: BuildRequest, tell: Progress<BuildEvent>) {
    this.#plant = plant;
    this.#request = request;
    this.#tell = tell;
  }

  readonly progress: Progress<BuildEvent> = (event) => {
    const planned = event.type === 'completed' ? this.#steps.get(event.id) : undefined;
    if (!planned) return this.#tell(event);
    planned.held = event as Completed;
    // The last step's image is the result, which has its names by the time that it is told.
    if (event.type !== 'completed' || event.id === this.#last) return;
    const told = this.#image(event.id).then((image) => this.#release(planned, image));
    told.catch(() => undefined);
    this.#pending.push(told);
  };

  /** Before anything runs: the stages of the build, and the one that becomes the image. */
  plan(
    { stages, stage: target }: { readonly stages: readonly CompiledStage[]; readonly stage: CompiledStage },
    epoch: number | undefined,
  ): void {
    this.#epoch = epoch;
    const { noCache = false, noCacheFilter = [] } = this.#request;
    for (const stage of stages) {
      const name = stage.node?.stage.name;
      const isFresh = noCache || noCacheFilter.some((filter) => filter === '' || filter.toLowerCase() === name);
      for (const [index, step] of stage.steps.entries()) {
        // A FROM of another stage goes on with its last step.
        const before = index > 0 ? stage.steps[index - 1]!.vertex : step.vertex.inputs[0];
        this.#steps.set(step.vertex.event.id, { step, before: before?.event.id || undefined, isFresh });
      }
    }
    this.#last = target.steps.at(-1)?.vertex.event.id;
  }

  /** Arguments in front of the first FROM are steps of the classic view that do nothing. */
  tellArguments(args: Dockerfile['metaArgs'], stages: readonly CompiledStage[]): void {
    const total = stages[0]?.steps[0]?.vertex.event.step?.total ?? args.length;
    for (const [index, { original }] of args.entries()) {
      const id = sha256(`argument ${index}`);
      const [name, written] = [original.trim(), original.trim()];
      this.#tell({ type: 'vertex', id, kind: 'metadata', name, written, step: { number: index + 1, total } });
      this.#tell({ type: 'completed', id, at: this.#plant.shop.now(), cached: false });
    }
  }

  /** The result of a vertex, told before its `completed` event. */
  add(vertex: string, value: Value): void {
    const planned = this.#steps.get(vertex);
    if (planned) planned.value = value;
  }

  /** Before the result is stored: the image that it is built on. */
  async beforeExport({ stage, root }: BuiltStage): Promise<Digest | undefined> {
    const last = this.#last === undefined ? undefined : this.#steps.get(this.#last);
    const before = last?.before === undefined ? undefined : await this.#image(last.before);
    const { labels = {} } = this.#request;
    const layers = await measuredLayers(this.#plant, root.snapshot);
    const id = sha256(JSON.stringify(finishConfig(stage.draft, layers, { labels, epoch: this.#epoch })));
    const wasThere = (await this.#plant.parts.images.find(id)) !== undefined;
    this.#lastIsCached = wasThere && (before?.cached ?? true);
    return before?.id === id ? undefined : before?.id;
  }

  /** Waits until all is told. `result`: the image of the last step; without it the build has failed. */
  async end(result?: Digest): Promise<void> {
    await Promise.all(this.#pending);
    const last = this.#last === undefined ? undefined : this.#steps.get(this.#last);
    if (last?.held) this.#release(last, { id: result, cached: this.#lastIsCached });
  }

  #release({ held, step, isFresh }: Planned, { id, cached }: StepImage): void {
    if (!held) return;
    const { result: _, ...event } = held;
    const passes = step.vertex.event.kind === 'metadata';
    this.#tell({
      ...event,
      cached: passes ? cached && !isFresh : event.cached,
      ...(id !== undefined && { result: id }),
    });
  }

  #image(vertex: string): Promise<StepImage> {
    const planned = this.#steps.get(vertex)!;
    planned.image ??= this.#make(planned);
    return planned.image;
  }

  async #make({ step, before, value, held, isFresh }: Planned): Promise<StepImage> {
    const { images } = this.#plant.parts;
    const parent = before === undefined || !this.#steps.has(before) ? undefined : await this.#image(before);
    if (step.base) return { id: step.base, cached: true };
    const isFrom = step.instruction.kind === 'from';
    if (isFrom && parent) return parent;
    if (value?.kind !== 'root' || !step.draft || (isFrom && value.snapshot === null))
      return { id: undefined, cached: isFrom };
    const layers = await measuredLayers(this.#plant, value.snapshot);
    const config = finishConfig(step.draft, layers, { labels: {}, epoch: this.#epoch });
    const rawConfig = Buffer.from(JSON.stringify(config));
    const id = sha256(rawConfig);
    // An instruction that leaves no trace in the configuration makes no other image.
    if (parent?.id === id) return parent;
    const wasThere = (await images.find(id)) !== undefined;
    if (!wasThere)
      await images.create({ config, rawConfig, snapshot: value.snapshot, ...(parent?.id && { parent: parent.id }) });
    const isMetadata = step.vertex.event.kind === 'metadata';
    const cached = isMetadata ? wasThere && (parent?.cached ?? true) : (held?.cached ?? false);
    return { id, cached: cached && !isFresh };
  }
}
