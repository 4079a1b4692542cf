import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshState } from './record.ts';
import { type ContainerRequest, refusalOf } from './transitions.ts';
import type { ContainerStatus } from './types.ts';

const statuses = ['created', 'running', 'paused', 'restarting', 'exited', 'dead', 'removing'] as const;

const forbidden = 'conflict';
const wrongState = 'failed_precondition';

/** Of each request: what it meets in each state, in the order of `statuses`; `-` is allowed. */
const table: Readonly<Record<ContainerRequest, readonly (readonly [kind: string, words: string] | '-')[]>> = {
  start: [
    '-',
    [wrongState, 'container web is already running'],
    [forbidden, 'cannot start a paused container, try unpause instead'],
    '-',
    '-',
    [forbidden, 'container is marked for removal and cannot be started'],
    '-',
  ],
  stop: up([wrongState, 'container web is not running'], '-', '-', '-'),
  kill: up([forbidden, 'cannot kill container: w: container 1d is not running'], '-', '-', '-'),
  pause: up(notRunning(), '-', [forbidden, 'Container 1d is already paused'], notRunning()),
  unpause: up(notRunning(), [forbidden, 'Container 1d is not paused'], '-', notRunning()),
  remove: up(
    '-',
    removal('running: stop the container before removing or force remove'),
    removal('paused and must be unpaused first'),
    removal('restarting: stop the container before removing or force remove'),
  ),
  attach: up(
    '-',
    '-',
    [forbidden, 'container 1d is paused, unpause the container before attach'],
    [forbidden, 'container 1d is restarting, wait until the container is running'],
  ),
  exec: up(
    notRunning(),
    '-',
    [forbidden, 'Container w is paused, unpause the container before exec'],
    [forbidden, 'Container 1d is restarting, wait until the container is running'],
  ),
  resize: up(notRunning(), '-', '-', notRunning()),
  top: up(notRunning(), '-', '-', notRunning()),
};

type Cell = readonly [kind: string, words: string] | '-';

function up(withoutProcess: Cell, running: Cell, paused: Cell, restarting: Cell): readonly Cell[] {
  return [withoutProcess, running, paused, restarting, withoutProcess, withoutProcess, withoutProcess];
}

function notRunning(): Cell {
  return [forbidden, 'container 1d is not running'];
}

function removal(why: string): Cell {
  return [forbidden, `cannot remove container "web": container is ${why}`];
}

function met(request: ContainerRequest, status: ContainerStatus): Cell {
  const refusal = refusalOf({ id: '1d', name: 'web', state: { ...freshState, status } }, request, 'w');
  return refusal ? [refusal.kind, refusal.message] : '-';
}

for (const [request, cells] of Object.entries(table) as [ContainerRequest, readonly Cell[]][])
  test(`a ${request} meets each state as with Docker`, () =>
    assert.deepEqual(
      statuses.map((status) => met(request, status)),
      cells,
    ));
