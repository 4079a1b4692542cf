import type { Builder } from '../builder/index.ts';
import { messageOf } from '../errors/index.ts';
import type { Images } from '../image/index.ts';
import { formatBytes as size } from '../progress/index.ts';
import { longestTimer } from './longest-timer.ts';
import type { Engine, EngineConfig } from './types.ts';

type PruneOptions = Parameters<Builder['cache']['prune']>[0];

/** One rule of the policy: what it removes, and its reason in words. */
export interface GarbageRule {
  readonly why: string;
  readonly options: PruneOptions;
}

/** What is quickly had again, and how long and how much of it is kept: as BuildKit's own policy has it. */
const cheap = { types: ['source.local', 'exec.cachemount', 'source.git.checkout'], seconds: 48 * 3600, bytes: 512e6 };

/** The policy that the settings describe, in the order in which its rules are applied. */
export function garbagePolicy(gc: EngineConfig['gc']): readonly GarbageRule[] {
  const bounds = {
    maxUsedSpace: gc.maxBytes,
    ...(gc.minFreeBytes > 0 && { minFreeSpace: gc.minFreeBytes }),
    ...(gc.reservedBytes > 0 && { reservedSpace: gc.reservedBytes }),
  };
  const free = gc.minFreeBytes > 0 ? `, and to have ${size(gc.minFreeBytes)} of the disk free` : '';
  return [
    {
      why: `sources and cache mounts unused for ${age(cheap.seconds)}, as the cache is larger than ${size(cheap.bytes)}`,
      options: { all: false, unusedFor: cheap.seconds, maxUsedSpace: cheap.bytes, filters: { type: cheap.types } },
    },
    { why: `unused for ${age(gc.maxAgeSeconds)}`, options: { all: false, unusedFor: gc.maxAgeSeconds } },
    {
      why: `the longest unused, to keep the cache below ${size(gc.maxBytes)}${free}`,
      options: { all: false, ...bounds },
    },
  ];
}

export interface GarbageCollection {
  /** Something was built: looks at it when builds are over. */
  soon(): void;
  run(): Promise<void>;
  stop(): Promise<void>;
}

/** Applies the policy after builds and from time to time; tells in an event and a line what it removed, and why. */
export function createGarbageCollection(parts: {
  readonly gc: EngineConfig['gc'];
  readonly builder: Pick<Builder, 'cache'>;
  readonly images: Pick<Images, 'collect'>;
  readonly events: Pick<Engine['events'], 'publish'>;
  readonly isBusy: () => boolean;
  readonly log: (line: string) => void;
}): GarbageCollection {
  const { gc, builder, images, events, isBusy, log } = parts;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function apply({ why, options }: GarbageRule): Promise<void> {
    const { deleted, reclaimed } = await builder.cache.prune(options);
    if (deleted.length === 0) return;
    const records = deleted.length === 1 ? '1 record' : `${deleted.length} records`;
    log(`garbage collection removed ${records} of the build cache (${size(reclaimed)}): ${why}`);
    const Attributes = { reclaimed: String(reclaimed), deleted: String(deleted.length), reason: why };
    events.publish({ Type: 'builder', Action: 'prune', Actor: { ID: '', Attributes } });
  }

  async function collect(): Promise<void> {
    try {
      for (const rule of garbagePolicy(gc)) await apply(rule);
      await images.collect();
    } catch (error) {
      log(`garbage collection failed: ${messageOf(error)}`);
    }
  }

  const collection: GarbageCollection = {
    soon() {
      if (gc.enabled) wait(afterBuild);
    },
    run() {
      running ??= collect().finally(() => {
        running = undefined;
      });
      return running;
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };

  function wait(milliseconds: number): void {
    clearTimeout(timer);
    // The builds that a shutdown ends call for it once more.
    if (stopped) return;
    timer = setTimeout(
      () => {
        wait(gc.intervalSeconds * 1000);
        // A build that is under way calls for it again when it ends.
        if (!isBusy()) void collection.run();
      },
      Math.min(milliseconds, longestTimer),
    );
    timer.unref();
  }
  if (gc.enabled) wait(gc.intervalSeconds * 1000);
  return collection;
}

/** Builds often come one after another. */
const afterBuild = 1000;

function age(seconds: number): string {
  const [count, unit] =
    seconds >= 2 * 86_400
      ? [seconds / 86_400, 'days']
      : seconds >= 7200
        ? [seconds / 3600, 'hours']
        : [seconds, 'seconds'];
  return `${Math.round(count * 10) / 10} ${unit}`;
}
