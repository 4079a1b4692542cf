/** Saving, loading, pushing and pulling. Only the command that `timed` gives is timed. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { archiveImage } from './archive-image.ts';
import type { BenchEngine } from './engines.ts';
import type { BenchRegistry } from './registry.ts';
import { bigFile, smallFiles } from './trees.ts';

export interface TransferBench {
  /** A folder that all engines see. */
  readonly dir: string;
  readonly registry: BenchRegistry;
  readonly engines: readonly BenchEngine[];
}

export interface TransferScenario {
  readonly name: string;
  readonly what: string;
  readonly kind: 'transfer';
  readonly rounds: number;
  setup(bench: TransferBench): Promise<void>;
  /** Untimed, before round number `round` (from 0) of the engine. */
  before?(bench: TransferBench, engine: BenchEngine, round: number): void;
  timed(bench: TransferBench, engine: BenchEngine): void;
  /** After all rounds, so that nothing of this scenario is in the next one's way. */
  cleanup?(bench: TransferBench, engine: BenchEngine): void;
}

const built = 'bench:latest';
const archiveOf = ({ dir }: TransferBench, engine?: BenchEngine) =>
  join(dir, engine ? `${engine.name.toLowerCase()}.tar` : 'image.tar');
const repository = ({ registry }: TransferBench, name: string) => `${registry.host}/bench/${name.toLowerCase()}:latest`;

/** A context with 50,000 small files, which every engine builds. */
async function context({ dir, engines }: TransferBench): Promise<void> {
  smallFiles(join(dir, 'tree'), 50_000);
  writeFileSync(join(dir, 'Dockerfile'), 'FROM busybox\nCOPY tree /tree\n');
  for (const engine of engines) engine.build(dir, { noCache: false });
}

/** An image that is in the registry, and with no engine. */
async function published(bench: TransferBench, name: string, folders: readonly string[]): Promise<void> {
  await archiveImage(archiveOf(bench), name, folders);
  const [first] = bench.engines;
  first!.load(archiveOf(bench), name);
  pushAs(first!, name, repository(bench, name));
  for (const left of [repository(bench, name), name]) first!.remove(left);
  rmSync(archiveOf(bench));
}

function pushAs(engine: BenchEngine, name: string, target: string): void {
  engine.tag(name, target);
  engine.push(target);
}

function smallLayer({ dir }: TransferBench): string[] {
  smallFiles(join(dir, 'layer'), 50_000);
  return [join(dir, 'layer')];
}

export const transferScenarios: readonly TransferScenario[] = [
  {
    name: 'save50k',
    what: '`save` of an image with 50,000 small files',
    kind: 'transfer',
    rounds: 3,
    setup: context,
    before: (bench, engine) => rmSync(archiveOf(bench, engine), { force: true }),
    timed: (bench, engine) => engine.save(built, archiveOf(bench, engine)),
  },
  {
    name: 'load50k',
    what: '`load` of it',
    kind: 'transfer',
    rounds: 3,
    setup: async (bench) => await archiveImage(archiveOf(bench), 'load50k', smallLayer(bench)),
    before: (_, engine) => engine.remove('load50k'),
    timed: (bench, engine) => engine.load(archiveOf(bench), 'load50k'),
    cleanup: (_, engine) => engine.remove('load50k'),
  },
  {
    name: 'push50k',
    what: '`push` of a layer of 50,000 small files that was just built',
    kind: 'transfer',
    rounds: 3,
    async setup(bench) {
      await context(bench);
      // The base is in the registry, as it is with most pushes.
      for (const engine of bench.engines) pushAs(engine, 'busybox', repository(bench, engine.name));
    },
    before(bench, engine, round) {
      writeFileSync(join(bench.dir, 'tree', 'round'), String(round));
      engine.build(bench.dir, { noCache: false });
      engine.tag(built, repository(bench, engine.name));
    },
    timed: (bench, engine) => engine.push(repository(bench, engine.name)),
  },
  {
    name: 'pushagain',
    what: '`push` with nothing new',
    kind: 'transfer',
    rounds: 9,
    async setup(bench) {
      const { dir, engines } = bench;
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'Dockerfile'), 'FROM busybox\nRUN echo 1 > /one\nRUN echo 2 > /two\n');
      for (const engine of engines) {
        engine.build(dir, { noCache: false });
        pushAs(engine, built, repository(bench, engine.name));
      }
    },
    timed: (bench, engine) => engine.push(repository(bench, engine.name)),
  },
  {
    name: 'pull50k',
    what: '`pull` of a layer of 50,000 small files',
    kind: 'transfer',
    rounds: 3,
    setup: async (bench) => await published(bench, 'pull50k', smallLayer(bench)),
    before: (bench, engine) => engine.remove(repository(bench, 'pull50k')),
    timed: (bench, engine) => engine.pull(repository(bench, 'pull50k')),
    cleanup: (bench, engine) => engine.remove(repository(bench, 'pull50k')),
  },
  {
    name: 'pull8x100',
    what: '`pull` of eight layers of 100 MiB',
    kind: 'transfer',
    rounds: 3,
    async setup(bench) {
      const folders = Array.from({ length: 8 }, (_, i) => join(bench.dir, `layer${i}`));
      for (const [i, folder] of folders.entries()) bigFile(join(folder, `file${i}`), 100, 0.5);
      await published(bench, 'pull8x100', folders);
    },
    before: (bench, engine) => engine.remove(repository(bench, 'pull8x100')),
    timed: (bench, engine) => engine.pull(repository(bench, 'pull8x100')),
    cleanup: (bench, engine) => engine.remove(repository(bench, 'pull8x100')),
  },
];
