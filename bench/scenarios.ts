/**
 * What is measured. A scenario prepares a context once, then is run several times by each engine in turn; before each
 * run an untimed step may change the context, so that every engine meets the same change.
 */

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bigFile, smallFiles } from './trees.ts';

export interface Scenario {
  readonly name: string;
  readonly what: string;
  /** Fills the folder; returns nothing. */
  readonly prepare?: (dir: string) => void;
  /** Called before run number `round` (from 0; -1 is the one that fills the caches) of every engine, untimed. */
  readonly change?: (dir: string, round: number) => void;
  readonly kind: 'build' | 'build-no-cache' | 'build-warm' | 'run' | 'ls';
  readonly rounds: number;
}

const dockerfile = (dir: string, text: string) => writeFileSync(join(dir, 'Dockerfile'), text);

export const scenarios: readonly Scenario[] = [
  {
    name: 'noop',
    what: 'everything cached (12 steps)',
    kind: 'build-warm',
    rounds: 9,
    prepare: (dir) => {
      writeFileSync(join(dir, 'file'), 'content\n');
      dockerfile(dir, `FROM busybox\nCOPY file /\n${lines(10, (i) => `RUN echo ${i} > /f${i}`)}`);
    },
  },
  {
    name: 'run20',
    what: '20 small RUN steps',
    kind: 'build-no-cache',
    rounds: 5,
    prepare: (dir) => dockerfile(dir, `FROM busybox\n${lines(20, (i) => `RUN echo ${i} > /f${i}`)}`),
  },
  {
    name: 'meta40',
    what: '40 metadata steps',
    kind: 'build-no-cache',
    rounds: 7,
    prepare: (dir) =>
      dockerfile(dir, `FROM busybox\n${lines(20, (i) => `ENV KEY${i}=value${i}\nLABEL label${i}=value${i}`)}`),
  },
  {
    name: 'copy50k',
    what: 'COPY of 50,000 small files',
    kind: 'build-no-cache',
    rounds: 3,
    prepare: (dir) => {
      smallFiles(join(dir, 'tree'), 50_000);
      dockerfile(dir, 'FROM busybox\nCOPY tree /tree\n');
    },
    change: (dir, round) => writeFileSync(join(dir, 'tree', 'round'), String(round)),
  },
  {
    name: 'edit1',
    what: 'one file changed among 20,000',
    kind: 'build',
    rounds: 3,
    prepare: (dir) => {
      smallFiles(join(dir, 'tree'), 20_000);
      dockerfile(dir, 'FROM busybox\nCOPY tree /tree\n');
    },
    change: (dir, round) =>
      writeFileSync(join(dir, 'tree', 'd0', 'f0'), `changed in round ${round} ${randomBytes(8).toString('hex')}`),
  },
  {
    name: 'big1g',
    what: 'COPY of a file of 1 GiB',
    kind: 'build',
    rounds: 3,
    prepare: (dir) => dockerfile(dir, 'FROM busybox\nCOPY big /big\n'),
    change: (dir) => bigFile(join(dir, 'big'), 1024),
  },
  {
    name: 'stages4',
    what: 'four stages that each keep a processor busy',
    kind: 'build-no-cache',
    rounds: 3,
    prepare: (dir) =>
      dockerfile(
        dir,
        `${lines(4, (i) => `FROM busybox AS s${i}\nRUN i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; echo ${i} > /out`)}FROM scratch\n${lines(4, (i) => `COPY --from=s${i} /out /out${i}`)}`,
      ),
  },
  { name: 'run', what: '`run --rm busybox true`', kind: 'run', rounds: 9 },
  { name: 'ls', what: '`image ls`', kind: 'ls', rounds: 9 },
];

function lines(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => `${line(i)}\n`).join('');
}
